"""The encoding of text: found out from the bytes, or declared by any of its names."""

import pytest

from data_pipeline.sources.formats.text import decode, detect

SENTENCES = [
    ("cp1252", "French", "Le garçon a mangé une pêche à la fenêtre, ça coûte 10 €."),
    ("cp1252", "Portuguese", "A criança não comeu a maçã. É uma questão de opinião."),
    ("cp1252", "Swedish", "Flickan åt ett äpple på ön. Det är kallt i Malmö."),
    ("cp1252", "Danish", "Pigen spiste et æble på øen. Rødgrød med fløde."),
    ("cp1252", "Italian", "La città è più bella perché c'è il sole. Lunedì tornerò."),
    ("cp1252", "English", "It\u2019s “quoted” text \u2013 naïve café, € 6… isn\u2019t it?"),
    ("cp1250", "Polish", "Zażółć gęślą jaźń. Chłopiec zjadł jabłko."),
    ("cp1251", "Russian", "Мальчик съел яблоко. Где вокзал?"),
    ("cp932", "Japanese", "男の子は庭でを食べました。駅はどこですか。"),
    ("gb18030", "Chinese", "男孩在花园里吃了一个苹果。车站在哪里\uff1f"),
]


@pytest.mark.parametrize(
    ("encoding", "sentence"),
    [pytest.param(encoding, text, id=language) for encoding, language, text in SENTENCES],
)
def test_the_encoding_of_a_file_is_that_of_its_language(encoding: str, sentence: str) -> None:
    line = f"42,{sentence} and so on,ham\n"
    data = line.encode(encoding) * 20
    assert data.decode(detect(data)) == line * 20


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("iso-8859-8-i", "iso-8859-8", "שלום"),
        ("windows-874", "cp874", "สวัสดี"),
        ("x-gbk", "gbk", "中文邮件"),
        ("X-Mac-Cyrillic", "mac_cyrillic", "привет"),
        ("iso-2022-jp-ms", "iso2022_jp", "日本語"),
        ("x-user-defined", "cp1252", "café"),
        ("no-such-name", "cp1252", "café"),
    ],
)
def test_an_encoding_is_known_by_all_its_names(declared: str, encoding: str, text: str) -> None:
    assert decode(text.encode(encoding), declared) == text


def test_letters_of_ms_dos_are_not_guessed() -> None:
    dutch = "De coördinatie van het reünie-café, één keer per jaar. "
    data = (dutch * 20).encode("cp1252")
    assert data.decode(detect(data)) == dutch * 20
