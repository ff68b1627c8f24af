import subprocess
import sys
from pathlib import Path

import datasets
import pytest

from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest, parse_columns
from data_pipeline.sources.hugging_face import HuggingFaceData
from data_pipeline.sources.ingestion import ingest
from data_pipeline.sources.raw import RawRecords
from platform_core.errors import InvalidData
from use_cases import use_case

SPAM = use_case("spam")
RUN = "models/spam/_runs/hub"


def read(store, data: str, columns: str = "") -> list[dict]:
    request = IngestRequest(data, parse_columns(columns))
    ingest(SPAM, store, RUN, request, lambda _: None, IngestSettings())
    return [row for batch in RawRecords(store, RUN).batches(100) for row in batch.to_pylist()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset as it lies on the hub: splits as files."""
    for split, text in (("train", "hello"), ("test", "later")):
        (tmp_path / f"{split}.jsonl").write_text(f'{{"text": "{text}", "label": 1, "t": [1]}}\n')
    return tmp_path


def test_a_data_set_is_streamed_by_split(blob_store, folder: Path) -> None:
    (row,) = read(blob_store, f"hf://{folder}", "body=text")
    assert row == {
        "email_id": "row-0", "subject": "", "body": "hello", "sender": "", "label": 1,
        "_source": f"{folder}@train",
    }  # fmt: skip
    assert read(blob_store, f"hf://{folder}@test", "body=text")[0]["body"] == "later"
    assert RawRecords(blob_store, RUN).summary.source == f"hf://{folder}@test"


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["spam", "ham"], ["spam", "ham"]),
        (["ham", "spam"], ["ham", "spam"]),
        (["no", "yes"], [0, 1]),
    ],
)
def test_the_names_of_labels_count_where_they_are_known(
    blob_store, tmp_path, names, labels
) -> None:
    features = datasets.Features(
        {"body": datasets.Value("string"), "label": datasets.ClassLabel(names=names)}
    )
    data = datasets.Dataset.from_dict({"body": ["a", "b"], "label": [0, 1]}, features=features)
    data.to_parquet(tmp_path / "train.parquet")
    assert [row["label"] for row in read(blob_store, f"hf://{tmp_path}")] == labels


def test_no_code_of_a_data_set_runs(blob_store, tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(InvalidData, match=r"cannot be read.*are not supported"):
        read(blob_store, f"hf://{folder}")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("what", ["@absent", ":absent", "/absent"])
def test_what_is_not_there_is_named(blob_store, folder: Path, what: str) -> None:
    with pytest.raises(InvalidData, match=r"hf://.* cannot be read"):
        read(blob_store, f"hf://{folder}{what}", "body=text")
    assert list(blob_store.list(RUN)) == []


def test_missing_columns_are_named(blob_store, folder: Path) -> None:
    with pytest.raises(InvalidData, match="has no column body; its columns are text, label, t"):
        read(blob_store, f"hf://{folder}")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("hf://owner/name", ("owner/name", None, "train")),
        ("hf://name", ("name", None, "train")),
        ("hf://owner/na-me_1.0:en@test", ("owner/na-me_1.0", "en", "test")),
        ("hf:///a folder/x:plain_text", ("/a folder/x", "plain_text", "train")),
    ],
)
def test_an_address_names_data_set_configuration_and_split(data: str, expected) -> None:
    parsed = HuggingFaceData.parse(data)
    assert (parsed.path, parsed.config, parsed.split) == expected


@pytest.mark.parametrize("data", ["hf://", "hf://a/b/c", "hf://a/b@", "hf://a b", "hf://a@b?t=s3"])
def test_another_address_is_refused(data: str) -> None:
    with pytest.raises(InvalidData, match="does not name a dataset") as caught:
        HuggingFaceData.parse(data)
    assert "s3" not in str(caught.value)


# A process of its own: the library reads whether it may go online once, when it is imported.
OFFLINE = """
from pathlib import Path
import sys
from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest
from data_pipeline.sources.ingestion import ingest
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.errors import PlatformError
from use_cases import use_case

if sys.argv[2] == "absent":
    sys.modules["datasets"] = None
try:
    ingest(use_case("spam"), LocalBlobStore(Path(sys.argv[1])), "models/spam/_runs/x",
           IngestRequest("hf://owner/name"), print, IngestSettings())
except PlatformError as error:
    print(error.code, error)
"""


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("offline", "upstream-unavailable Hugging Face cannot be reached for hf://owner/name"),
        ("absent", "configuration-error DATA=hf://… needs the extra `hugging-face`"),
    ],
)
def test_without_network_or_library_the_reason_is_said(tmp_path: Path, state, said) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(tmp_path), state],
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PYTHONUTF8": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said in done.stdout, done.stdout + done.stderr
