"""Tests of scoring without a server."""
