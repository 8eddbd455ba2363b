"""Monitoring: the scoring process's logs, drift reports from its counters, performance from labels."""
