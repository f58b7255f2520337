"""Pages, plots, sheets, result files, and what machine a number was measured on."""
