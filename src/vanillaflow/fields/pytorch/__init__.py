"""PyTorch modules as fields."""
