"""Prepared data on disk: what each kind of dataset is kept as, and how it is read back."""
