"""Recipes, runs, evaluation and benchmarks."""
