"""PlanarFlow, and what is done to planar maps: gathered, pushed, brought into normal form, bounded."""
