"""The ranges that are read from packs for a set of payloads."""

from hypothesis import given
from hypothesis import strategies as st

from tidemark.shards.packs import MAX_GAP_BYTES, MAX_RANGE_BYTES, PayloadPointer, coalesce

POINTERS = st.lists(
    st.builds(
        PayloadPointer,
        st.sampled_from(["d/p1", "d/p2"]),
        st.integers(min_value=0, max_value=20_000_000),
        st.integers(min_value=1, max_value=1_000_000),
        st.just("digest"),
    ),
    max_size=30,
)


@given(POINTERS)
def test_every_payload_lies_in_one_range_of_its_pack(pointers: list[PayloadPointer]) -> None:
    payloads = [pointer for members in coalesce(pointers).values() for pointer in members]
    assert sorted(payloads) == sorted(set(pointers))
    for (pack, span), members in coalesce(pointers).items():
        for pointer in members:
            assert pointer.pack == pack
            assert span.offset <= pointer.offset
            assert pointer.offset + pointer.length <= span.offset + span.length


@given(POINTERS)
def test_a_range_of_several_payloads_stays_within_the_limit(pointers: list[PayloadPointer]) -> None:
    for (_, span), members in coalesce(pointers).items():
        assert span.length <= MAX_RANGE_BYTES or len(members) == 1


def test_neighbours_share_a_range_and_distant_payloads_do_not() -> None:
    near, next_to_it = PayloadPointer("p", 0, 100, "a"), PayloadPointer("p", 101, 100, "b")
    far = PayloadPointer("p", 201 + MAX_GAP_BYTES + 1, 100, "c")
    assert list(coalesce([far, next_to_it, near]).values()) == [[near, next_to_it], [far]]
