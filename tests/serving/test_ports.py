from __future__ import annotations

import pytest

from tidegate.errors import InvalidInputError, PortInUseError
from tidegate.serving import ports


@pytest.mark.parametrize(
    "text", ["", "8000", "localhost", "localhost:", ":80", "localhost:http", "localhost:70000"]
)
def test_no_address(text: str) -> None:
    with pytest.raises(InvalidInputError, match="expected host:port"):
        ports.parse(text)


def test_addresses_are_read_and_written() -> None:
    assert ports.parse("127.0.0.1:8000") == ("127.0.0.1", 8000)
    assert ports.parse("[::1]:8000") == ("::1", 8000)
    assert ports.join("::1", 8000) == "[::1]:8000"


def test_a_free_port_is_chosen_and_a_taken_one_refused() -> None:
    address, other = ports.reserve("127.0.0.1:0", "127.0.0.1:0")
    assert not address.endswith(":0")
    assert address != other
    assert ports.reserve(address) == [address]
    with ports.bind(address), pytest.raises(PortInUseError, match=address):
        ports.reserve(address)


def test_a_foreign_address_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"can't listen on 192\.0\.2\.1"):
        ports.reserve("192.0.2.1:8000")
