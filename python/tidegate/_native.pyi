"""Tidegate's native half: scoring, drift counting, slots and the scoring process.

Every error is a class of :mod:`tidegate.errors`. The GIL is released while anything is loaded, counted or
scored. Features are named by ``name`` and ``role`` (``"input"`` or ``"score"``).
"""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Self, TypedDict, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

__all__ = [
    "Counters",
    "Engine",
    "OfflineScorer",
    "Prediction",
    "ProfileBuilder",
    "ReferenceProfile",
    "Scorer",
    "alarm_level",
    "assign",
    "design_effect",
    "endless_loop",
    "ln_alarm",
    "psi",
    "ranges",
    "reassign",
    "recover",
    "scan",
    "serve",
]

_Role = Literal["input", "score"]

class _TensorSpec(TypedDict):
    name: str
    datatype: str
    shape: list[int]

class _Signature(TypedDict):
    inputs: list[_TensorSpec]
    outputs: list[_TensorSpec]

class _Feature(TypedDict):
    name: str
    role: _Role
    kind: Literal["numeric", "categorical"]
    mode: Literal["discrete", "quantile"] | None
    rows: int
    missing: int
    points: int
    bins: int
    urn: Literal["gap", "count"]

class _Psi(TypedDict):
    psi: float | None
    psi_bias_corrected: float | None
    psi_threshold: float | None
    psi_p_value: float | None
    psi_ci_low: float | None
    psi_ci_high: float | None
    psi_bins: int
    magnitude: Literal["negligible", "small", "moderate", "major"] | None
    reason: str | None

class _Statistics(_Psi):
    feature: str
    role: _Role
    kind: Literal["numeric", "categorical"]
    rows: int
    missing: int
    nonfinite: int
    reference_rows: int
    reference_missing: int
    ks: float | None
    ks_numerator: int | None
    ks_denominator: int | None
    ks_p_value: float | None
    ks_location: float | None
    ks_exact: bool | None

@final
class Scorer:
    """An ONNX model loaded into this process, for checks and benchmarks; servers score without Python.

    :param onnx: the model's bytes.
    :param library: path of onnxruntime's ``libonnxruntime.so``; a process can load one.
    :param kernel: ``"auto"`` runs tree ensembles natively where they answer as ONNX Runtime, bit for bit.
    :raises ModelRefusedError: when the bytes are no ONNX model or can't be served.
    :raises SettingsError: when the library does not load.
    :raises ConflictError: when another library is loaded.
    """

    def __new__(
        cls, onnx: bytes, library: str | PathLike[str], kernel: Literal["auto", "onnxruntime"] = "auto"
    ) -> Scorer: ...
    @property
    def runs_on(self) -> Literal["trees", "onnxruntime"]:
        """What runs the model."""

    @property
    def reason(self) -> str:
        """Why that one, in words."""

    def signature(self) -> _Signature:
        """Inputs and outputs in graph order; datatypes by the names of the Open Inference Protocol."""

    def score(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Score a batch: arrays ``[rows, ...]`` by input name to arrays by output name.

        Dtypes must be the signature's; strings are object arrays of str or bytes, or ``U`` and ``S`` dtypes.
        String outputs are object arrays of str, or of bytes where they are no UTF-8.

        :raises InvalidInputError: when a name, dtype or shape does not fit.
        :raises InternalError: when the graph fails.
        """

@disjoint_base
class Engine:
    """A home's deployment scored in this process: routing, drift and the prediction log as in a server.

    Use :class:`tidegate.LocalEngine`, which finds the settings. Holds the home's scoring lock until it is
    closed.

    :param settings: a JSON object with ``home`` and ``library``, and what else a scoring process reads.
    :raises HomeLockedError: when a server scores for this home.
    :raises HomeMissingError: when there is no home.
    """

    def __new__(cls, settings: str) -> Self: ...
    def score(
        self,
        endpoint: str,
        inputs: dict[str, NDArray[Any]],
        *,
        routing_key: str | bytes | int | None = None,
        version: str | None = None,
        event_time: int | None = None,
        id: str | None = None,  # noqa: A002 -- the protocol's name
        headers: dict[str, str] | None = None,
    ) -> Prediction:
        """Score a batch: arrays ``[rows, ...]`` by input name, context columns ``[rows]`` by theirs.

        Dtypes must be the contract's, as on the wire. ``event_time`` is in microseconds UTC; ``headers`` is
        what rules look at. The GIL is released unless a few rows go through a model of microseconds.

        :raises InvalidInputError: when a name, dtype or shape does not fit the contract.
        :raises NotFoundError: when there is no such endpoint or version.
        :raises UnavailableError: when the engine is closed.
        """

    def contract(self, endpoint: str) -> str:
        """An endpoint's contract, as JSON."""

    def status(self) -> str:
        """What the engine is doing, as JSON."""

    def counts(self, endpoint: str) -> bytes:
        """An endpoint's drift counters, for :meth:`Counters.from_bytes`."""

    def refresh(self) -> int:
        """Install the home's newest deployment if it is newer; the generation that answers then."""

    def flush(self) -> None:
        """Return when everything scored so far is logged."""

    def close(self) -> bool:
        """Write what is accepted and give the home back; whether all was written. Again does nothing."""

@final
class Prediction:
    """The answer to one request; its parts are made when they are asked for."""

    @property
    def prediction_id(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def variant(self) -> str: ...
    @property
    def route(self) -> Literal["weight", "pin", "rule"]: ...
    @property
    def sticky(self) -> bool: ...
    @property
    def generation(self) -> int: ...
    @property
    def outputs(self) -> dict[str, NDArray[Any]]: ...
    @property
    def score(self) -> NDArray[Any] | None: ...
    def __getitem__(self, name: str, /) -> NDArray[Any]: ...

@final
class OfflineScorer:
    """One version of a deployment for files: the engine's checks and model without lock, log and counters.

    :param deployment: the deployment file's bytes.
    :param home: where the artifacts are.
    :param version: a version of the plan; default: the only one that answers.
    :raises NotFoundError: when there is no such endpoint, version or artifact.
    :raises InvalidInputError: when several versions answer and none is named, or the file is damaged.
    """

    def __new__(
        cls,
        deployment: bytes,
        home: str | PathLike[str],
        library: str | PathLike[str],
        endpoint: str,
        version: str | None = None,
    ) -> OfflineScorer: ...
    @property
    def model(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def variant(self) -> str: ...
    @property
    def runs_on(self) -> str: ...
    def contract(self) -> str:
        """The endpoint's contract, as JSON."""

    def score(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Arrays by input name to arrays by output name, as :meth:`Scorer.score`."""

@final
class ProfileBuilder:
    """Collects the features of a reference profile, in the order in which they are added."""

    def __new__(cls) -> ProfileBuilder: ...
    def numeric(
        self, name: str, values: NDArray[Any], role: _Role = "input", points: int | None = None
    ) -> None:
        """Add an ordered feature from its training values ``[rows]``, cast to the dtype that the scorer gets.

        NaN is missing; infinities are ordered values. With ``points``, at most so many reference points are
        kept, and KS becomes a bound; by default all are.

        :raises InvalidInputError: when there is no value, or ``values`` are no numbers.
        """

    def categorical(self, name: str, values: Iterable[str | bytes | None], role: _Role = "input") -> None:
        """Add an unordered feature from its training values; None is missing, the empty string is a category.

        :raises InvalidInputError: when there is no value, or one that is no text.
        """

    def build(self) -> ReferenceProfile:
        """Make the profile.

        :raises InvalidInputError: when there is no feature, or two share name and role.
        """

@final
class ReferenceProfile:
    """What the training data looked like, feature by feature."""

    @staticmethod
    def from_bytes(data: bytes) -> ReferenceProfile:
        """Read what :meth:`to_bytes` wrote.

        :raises InvalidInputError: when the bytes are no profile.
        """

    def to_bytes(self) -> bytes:
        """Write an Arrow IPC file, one row per feature, that polars and pyarrow read too."""

    def features(self) -> list[_Feature]:
        """Describe each feature: reference rows, missing rows, points (or own categories) and PSI bins."""

    def points(self, name: str, role: _Role = "input") -> NDArray[np.float64]:
        """Distinct reference values of a numeric feature, ascending ``[U]``."""

    def weights(self, name: str, role: _Role = "input") -> NDArray[np.uint64]:
        """Reference rows equal to each point ``[U]``."""

    def edges(self, name: str, role: _Role = "input") -> NDArray[np.float64]:
        """Finite PSI edges of a numeric feature; none when each value has its own bin."""

    def categories(self, name: str, role: _Role = "input") -> tuple[list[bytes], NDArray[np.uint64]]:
        """Categories with a bin of their own, the most frequent first, and their reference rows."""

    def memory_bytes(self) -> int:
        """Bytes of one set of counters of this profile."""

@final
class Counters:
    """Live values counted against a profile. They add up exactly, over processes and time."""

    def __new__(cls, profile: ReferenceProfile) -> Counters: ...
    @staticmethod
    def from_ipc(
        profile: ReferenceProfile, data: bytes, variant: str, shadow: bool | None = None
    ) -> Counters:
        """Read the counts of the variant with that digest from the scoring process's Arrow IPC stream.

        With ``shadow`` only what it counted as a shadow, or only what it counted when it answered.

        :raises InvalidInputError: when the bytes are no counts, or do not fit the profile.
        :raises NotFoundError: when they hold no such variant.
        """

    def to_ipc(self, variant: str, version: str, shadow: bool = False) -> bytes:
        """Write these counts as the scoring process does: an Arrow IPC stream of one variant."""

    def numeric(self, name: str, values: NDArray[Any], role: _Role = "input") -> None:
        """Count numbers ``[rows]``; NaN is missing.

        :raises InvalidInputError: when the feature is unknown or categorical.
        """

    def categorical(self, name: str, values: Iterable[str | bytes | None], role: _Role = "input") -> None:
        """Count texts; None is missing.

        :raises InvalidInputError: when the feature is unknown or numeric.
        """

    def add(self, other: Counters) -> None:
        """Add the other's counts.

        :raises InvalidInputError: when they belong to another profile.
        """

    def subtract(self, other: Counters) -> None:
        """Take away the other's counts, which must be part of these.

        :raises InvalidInputError: when they are not; nothing changes then.
        """

    def rows(self, name: str, role: _Role = "input") -> int:
        """Rows counted, with a value or without."""

    def missing(self, name: str, role: _Role = "input") -> int:
        """Rows without a value."""

    def nonfinite(self, name: str, role: _Role = "input") -> int:
        """Rows with an infinite value; they are in the cells too."""

    def cells(self, name: str, role: _Role = "input") -> NDArray[np.uint64]:
        """Rows per cell.

        Numeric ``[2U + 1]``: cell ``2j`` counts values between points ``j - 1`` and ``j``, cell ``2j + 1``
        those equal to point ``j``. Categorical: own categories, then rare ones, then unseen ones.
        """

    def bins(self, name: str, role: _Role = "input") -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Rows per PSI bin: of the reference, and live."""

    def statistics(self, alpha: float = 0.05) -> list[_Statistics]:
        """PSI and, for numeric features, KS of every feature; undefined values are None, with a reason code.

        ``psi_threshold`` is what chance alone exceeds with probability ``alpha``.
        ``ks_numerator / ks_denominator`` is the exact KS statistic.

        :raises InvalidInputError: when ``alpha`` is not between 0 and 1.
        """

def endless_loop(onnx: bytes) -> str | None:
    """The name of a ``Loop`` of more than 10,000 rounds, or of as many as the inputs say; None without one.

    Rounds of loops within each other are multiplied. Bytes that are no model have no loop.
    """

def psi(reference: NDArray[np.uint64], live: NDArray[np.uint64], alpha: float = 0.05) -> _Psi:
    """Population stability index of counts per bin, with Jeffreys smoothing.

    :raises InvalidInputError: when the numbers of bins differ, or ``alpha`` is not between 0 and 1.
    """

def assign(salt: str, key: bytes, slots: int) -> int:
    """The slot of a routing key, in ``range(slots)``."""

def reassign(
    slots: int, stacks: Sequence[Sequence[int]] | None, weights: Sequence[float]
) -> tuple[list[list[int]], int]:
    """Move as few slots as possible so that each arm owns its share; gives the new stacks and how many moved.

    Without ``stacks`` arm 0 owns all before. More weights than stacks add arms.

    :raises InvalidInputError: when weights are negative or don't sum to 1, or stacks don't own each slot
        once.
    """

def ranges(stacks: Sequence[Sequence[int]]) -> list[list[tuple[int, int]]]:
    """Per arm, its slots as ascending pairs ``(first, last)``, both inclusive.

    :raises InvalidInputError: when the stacks don't own each slot once.
    """

def recover(path: str | PathLike[str]) -> tuple[int, int]:
    """The length in bytes of the whole record batches of an Arrow IPC stream file, and their rows.

    What follows is a batch that is being written, or the torn tail that a killed writer left.

    :raises OSError: when the file can't be read.
    :raises InvalidInputError: when it is no Arrow IPC stream.
    """

def serve(settings: str) -> int:
    """Run the scoring process until SIGTERM or SIGINT, drain, and give the exit code 0. Main thread only.

    ``settings`` is a JSON object: ``home`` and ``library`` (path of onnxruntime's shared library) are needed.
    Optional are ``kernel`` (``"auto"``, ``"onnxruntime"``),
    ``listen``, ``admin`` (``"127.0.0.1:8000"``), ``control`` (``"http://127.0.0.1:8010"``),
    ``node_key``, ``pepper``, ``require_keys``, ``tls`` with ``certificate``, ``key``, ``client_ca`` and
    ``principals``, ``threads``, ``body_limit``, ``body_seconds``, ``header_seconds``, ``connections``,
    ``limits`` with ``rate_per_second``, ``burst``, ``stalled_seconds``, ``handshake_seconds``,
    ``connection_seconds``, ``bytes_in_flight``, ``memory_bytes``, ``access_log``, ``drain_seconds``,
    ``traces`` with ``endpoint``, ``sample_ratio``, ``service_name``, ``headers_file``, ``timeout_seconds``,
    ``interval_milliseconds`` and ``queue_requests``,
    ``pane_rows``, ``pane_seconds``, ``shadow_queue``, and ``log`` with ``fsync``
    (``"os"``, ``"group"``, ``"durable"``), ``ring_records``, ``ring_bytes``, ``batch_rows``,
    ``batch_milliseconds``, ``segment_bytes``, ``segment_seconds``. Logs go to standard
    error, one JSON object a line; the environment's ``RUST_LOG`` chooses which.

    :raises SettingsError: when a setting is unknown or unusable, or the library does not load.
    :raises HomeMissingError: when there is no such folder.
    :raises HomeLockedError: when another scoring process holds the home.
    :raises PortInUseError: when a port is taken.
    """

def scan(
    reference: NDArray[np.uint64],
    panes: NDArray[np.uint64],
    urn: Literal["gap", "count"],
    design_effect: float = 1.0,
) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
    """Watch a stream: panes ``[panes, bins]`` of live rows, in order, against reference rows ``[bins]``.

    Gives for the check after each pane the log of the mean e-value over trailing windows of 1 to 256 panes
    (-inf when none could be judged) and the length of the window with most evidence (then 0). Windows of a
    count urn longer than a quarter of the reference count as no evidence.

    :raises InvalidInputError: when the bins differ, or the reference can't be drawn from.
    """

def ln_alarm(streams: int, checks: int = 1000, alpha: float = 0.01) -> float:
    """Give the log evidence above which any false alarm has a chance of at most ``alpha``.

    :raises InvalidInputError: when ``alpha`` is not between 0 and 1.
    """

def alarm_level(ln_m: float, ln_alarm: float) -> Literal["NONE", "WARN", "ALARM"]:
    """Say what a check's log evidence amounts to."""

def design_effect(panes: NDArray[np.uint64]) -> float | None:
    """Estimate how many dependent rows weigh as one, from a reference in panes ``[panes, bins]``.

    The panes are in time order. It is 1 unless above 1.2, and None with fewer than 30 panes.
    """
