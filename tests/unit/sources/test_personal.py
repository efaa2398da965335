"""The one rule that tells a person from an office."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.personal import is_mobile, is_personal_mail, names_of_people, redact_people


@pytest.mark.parametrize(
    "address",
    [
        "camille.exemple@valdrin.fr",
        "c.exemple@valdrin.fr",
        "jean-paul.exemple-martin@var.gouv.fr",
        "exemple.camille@orange.fr",
        "camille_exemple@pimms.org",
        "exemple.jp@mairie-valdrin.fr",
        "p.bourgeois@valdrin.fr",
    ],
)
def test_an_address_that_names_a_person(address: str) -> None:
    assert is_personal_mail(address, "Mairie de Valdrin-sur-Ombrine 2 rue du Four")


@pytest.mark.parametrize(
    ("address", "around"),
    [
        ("mairie.valdrin@orange.fr", ""),
        ("accueil@valdrin.fr", ""),
        ("valdrin@orange.fr", ""),
        ("ria.sirach@orange.fr", "Mairie de Ria-Sirach"),
        ("m.puysaintgulmier@laposte.net", "Mairie du Puy-Saint-Gulmier"),
        ("cms.montelimarcharmettes@exemple.fr", "PMI de Montélimar"),
        ("secretariat.exemple@valdrin.fr", ""),
        ("sip.valdrin@dgfip.finances.gouv.fr", ""),
        ("bourg.valdrin@orange.fr", ""),
        ("franceservices.exemple@valdrin.fr", ""),
        ("t089022@dgfip.finances.gouv.fr", ""),
        ("pas une adresse", ""),
    ],
)
def test_an_address_of_an_office(address: str, around: str) -> None:
    assert not is_personal_mail(address, around)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("sur rendez-vous avec Mme Exemple", "sur rendez-vous avec Mme [nom retiré]"),
        ("M. Exemple, Mme J. de La Tour", "M. [nom retiré], Mme [nom retiré]"),
        ("M.EXEMPLE-MARTIN le jeudi", "M.[nom retiré] le jeudi"),
        ("le maire, Mme Exemple au 0600000000.", "le maire, Mme [nom retiré] au [numéro retiré]."),
        ("Madame le Maire au 06 00 00 00 00", "Madame le Maire au [numéro retiré]"),
        ("le maire peut être joint au 06 00 00 00 00.", "le maire peut être joint au [numéro retiré]."),
        ("écrire à camille.exemple@valdrin.fr", "écrire à [courriel retiré]"),
        ("Madame Camille Exemple (+33 6 00 00 00 00)", "Madame [nom retiré] ([numéro retiré])"),
    ],
)
def test_names_and_their_mobile_numbers_are_redacted(text: str, redacted: str) -> None:
    assert redact_people(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "Permanence de M. le maire le samedi",
        "Mme La Secrétaire générale",
        "M. Le Maire et ses adjoints",
        "Me: Maison pour tous, Hennebont",
        "Accueil au 01 99 00 00 00, bus au 06 00 00 00 00",
        "lundi 9h-12h",
        "le mardi 12 rue du docteur Exemple, place Madame de Sévigné, salle M. Exemple",
        "écrire à mairie.valdrin@orange.fr ou en mairie au 06 00 00 00 00",
        "semaine paire : Lu-Ma",
    ],
)
def test_an_office_held_a_place_or_a_service_number_stay(text: str) -> None:
    assert redact_people(text) == text
    assert names_of_people(text) == []


@pytest.mark.parametrize(
    ("number", "mobile"), [("06 00 00 00 00", True), ("+33700000000", True), ("04 92 00 00 00", False), ("3646", False)]
)
def test_mobile_numbers(number: str, mobile: bool) -> None:
    assert is_mobile(number) is mobile


@given(st.text())
def test_redacting_is_done_once_for_all(text: str) -> None:
    once = redact_people(text)
    assert redact_people(once) == once
    assert not names_of_people(once)
    is_personal_mail(text, text)
