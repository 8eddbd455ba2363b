"""Starts the native server, keeps it running and publishes deployments to it."""

from tidegate.serving.deployments import Announcements, DeploymentFiles, newest
from tidegate.serving.runtime import library
from tidegate.serving.scoring_keys import ScoringKeys
from tidegate.serving.supervisor import Supervisor

__all__ = ["Announcements", "DeploymentFiles", "ScoringKeys", "Supervisor", "library", "newest"]
