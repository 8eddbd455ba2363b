"""The domain's values: what the rooms hand to each other and what the surfaces show as JSON."""

from tidegate.types.base import Clock, Value, utc_now
from tidegate.types.contracts import (
    ContextSpec,
    Contract,
    DataType,
    InputSpec,
    ScoreSpec,
    Signature,
    TensorSpec,
)
from tidegate.types.findings import AlarmInfo, BlindResult, BlindSet, RetrainingInfo
from tidegate.types.protocols import EdgeWriter, Publisher, Recorder
from tidegate.types.registered import DatasetInfo, Edge, KeyInfo, ModelInfo, SegmentInfo, VersionInfo
from tidegate.types.stages import GATE, Approval, Move, Promotion, Rule, Verdict
from tidegate.types.traffic import (
    ColumnMask,
    Decision,
    DeploymentInfo,
    EndpointInfo,
    LogPolicy,
    PlanDraft,
    PolicyInfo,
    TrafficPlan,
    TrafficRule,
    VariantPlan,
)

__all__ = [
    "GATE",
    "AlarmInfo",
    "Approval",
    "BlindResult",
    "BlindSet",
    "Clock",
    "ColumnMask",
    "ContextSpec",
    "Contract",
    "DataType",
    "DatasetInfo",
    "Decision",
    "DeploymentInfo",
    "Edge",
    "EdgeWriter",
    "EndpointInfo",
    "InputSpec",
    "KeyInfo",
    "LogPolicy",
    "ModelInfo",
    "Move",
    "PlanDraft",
    "PolicyInfo",
    "Promotion",
    "Publisher",
    "Recorder",
    "RetrainingInfo",
    "Rule",
    "ScoreSpec",
    "SegmentInfo",
    "Signature",
    "TensorSpec",
    "TrafficPlan",
    "TrafficRule",
    "Value",
    "VariantPlan",
    "Verdict",
    "VersionInfo",
    "utc_now",
]
