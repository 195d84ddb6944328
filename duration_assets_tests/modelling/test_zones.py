from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from duration_assets.errors import BadFileError
from duration_assets.modelling.zones import LOOKUP_FILE, UNLISTED, read_zones, with_boroughs

LOOKUP = b"""\
"LocationID","Borough","Zone","service_zone"
2,"Queens","Jamaica Bay","Boro Zone"
1,"EWR","Newark Airport","EWR"
265,"N/A","Outside of NYC","N/A"
"""


def test_a_lookup_gives_the_borough_and_name_of_each_zone() -> None:
    assert read_zones(LOOKUP, "here").rows() == [
        (1, "EWR", "Newark Airport"),
        (2, "Queens", "Jamaica Bay"),
        (265, "N/A", "Outside of NYC"),
    ]


def test_a_zone_that_is_null_or_not_listed_has_no_borough() -> None:
    pairs = pl.DataFrame(
        {"pickup_zone": [1, None], "dropoff_zone": [3, 2]},
        schema={"pickup_zone": pl.Int32, "dropoff_zone": pl.Int32},
    )
    found = with_boroughs(pairs, read_zones(LOOKUP, "here"))
    assert found.select("pickup_borough", "dropoff_borough").rows() == [
        ("EWR", UNLISTED),
        (UNLISTED, "Queens"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>no</html>",
        b"PAR1\x00\xff\xfe",
        b"LocationID,Borough\n1,EWR\n",
        b"LocationID,Borough,Zone\none,EWR,Newark\n",
    ],
)
def test_what_is_no_lookup_is_refused_with_the_columns_it_should_have(content: bytes) -> None:
    with pytest.raises(BadFileError, match=r"here is no zone lookup .* LocationID, Borough, Zone"):
        read_zones(content, "here")


@pytest.mark.real_data
def test_tlcs_own_lookup_names_every_zone(real_data: Path) -> None:
    zones = read_zones((real_data / "misc" / LOOKUP_FILE).read_bytes(), "TLC")
    assert zones["zone"].to_list() == list(range(1, 266))
    assert set(zones["borough"]) == {
        *("Bronx", "Brooklyn", "EWR", "Manhattan", "N/A", "Queens", "Staten Island", "Unknown"),
    }
