"""Servers of others over the same model, each with an environment of its own: ``-m benches.peers.NAME``."""
