"""The management API, and the control process that serves it and supervises scoring."""

from tidegate.gateway.app import create_app
from tidegate.gateway.control import Control, Ready

__all__ = ["Control", "Ready", "create_app"]
