"""Samples of perf, read and grouped."""

from __future__ import annotations

import pytest
from benches.symbols import Sample, group, parsed, told

PRINTED = """\
tidegate-0
\t         167adf tidegate_drift::counters::Counters::count_column (/x/_native.so)
\t              8 [unknown] ([unknown])

tidegate-1
\tffffffff813a2313 tcp_sendmsg ([kernel.kallsyms])
\tffffffff8222222b do_writev ([kernel.kallsyms])
\tffffffff821ecc51 do_syscall_64 ([kernel.kallsyms])

"""


def test_samples_are_read_with_their_thread() -> None:
    first, second = parsed(PRINTED.splitlines())
    assert first.thread == "tidegate-0"
    assert first.frames[0] == "tidegate_drift::counters::Counters::count_column (/x/_native.so)"
    assert (second.thread, len(second.frames)) == ("tidegate-1", 3)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (("tcp_ack ([kernel.kallsyms])", "__x64_sys_recvfrom ([kernel.kallsyms])"), "kernel: recvfrom"),
        (("tcp_ack ([kernel.kallsyms])", "do_writev ([kernel.kallsyms])"), "kernel: writev"),
        (("irq ([kernel.kallsyms])", "do_syscall_64 ([kernel.kallsyms])"), "kernel: the rest"),
        (("[unknown] (/x/libonnxruntime.so.1)",), "score: ONNX Runtime"),
        (("tidegate_engine::log::batch::encode (/x)",), "log"),
        (("tidegate_engine::route::choose (/x)",), "lanes and routing"),
        (("h2::hpack::table::Table::index (/x)",), "HTTP/2"),
        (("_int_malloc (/libc.so.6)",), "allocator"),
        (("__memmove_avx512_unaligned_erms (/libc.so.6)",), "copies and comparisons"),
        (("something (/x)",), "other"),
    ],
)
def test_a_sample_is_in_the_group_of_its_innermost_frame(frames: tuple[str, ...], expected: str) -> None:
    assert group(Sample("t", frames)) == expected


def test_shares_are_told_by_group_thread_and_symbol() -> None:
    text = told(list(parsed(PRINTED.splitlines())))
    assert text.startswith("2 samples")
    for line in (" 50.0%  drift", " 50.0%  kernel: writev", " 50.0%  tidegate-1"):
        assert line in text
