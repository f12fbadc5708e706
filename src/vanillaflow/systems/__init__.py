"""Systems: a field with the box and the duration for which it is asked about; TOML files, and the zoo."""
