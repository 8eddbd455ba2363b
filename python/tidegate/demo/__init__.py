"""The demo: a year of flights through the real processes, every printed number measured."""
