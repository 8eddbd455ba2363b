"""The management API, and the control process that serves it and supervises scoring."""

from tidegate.gateway.app import create_app
from tidegate.gateway.control import Control, Ready
from tidegate.gateway.journal import log_to_stderr

__all__ = ["Control", "Ready", "create_app", "log_to_stderr"]
