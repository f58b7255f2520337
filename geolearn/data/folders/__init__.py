"""Shapes of one's own: a folder, or a CSV file that lists files, becomes a dataset like those of `datasets/`."""
