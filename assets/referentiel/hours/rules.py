"""The named rules of the hours readers: one French sentence each, as the public reads them.

Only the vocabulary belongs here; the readers apply the rules. A rule either reads what is written (the text keeps its
meaning, quality `exact`) or repairs it (quality `réparé`).
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

_READING = {
    "commentaire-applique": "Le commentaire de la plage ou la note change les horaires : il a été appliqué.",
    "jours-precises": (
        "Une plage portant sur moins de jours remplace, ces jours-là, la plage plus large qu’elle recoupe."
    ),
    "jours-completes": "Une plage portant sur moins de jours complète, sans la recouper, la plage plus large.",
    "plages-fusionnees": "Des plages qui se touchent ou se recouvrent ont été réunies.",
    "telephone-seul": (
        "Permanence téléphonique : ces heures ne sont pas des heures de guichet, elles ne sont pas comptées."
    ),
    "telephone-a-part": (
        "Les heures d’accueil téléphonique sont données à part : elles ne comptent pas comme ouverture."
    ),
    "accueil-restreint": (
        "L’accueil est réservé à un objet (état civil, permanence des élus…) : heures gardées, remarque jointe."
    ),
    "vacances-hors-mesure": (
        "Horaires propres aux vacances scolaires : gardés en remarque, la mesure porte sur une semaine ordinaire."
    ),
    "fermeture-datee": "Fermeture d’une année donnée : gardée en remarque, hors des horaires habituels.",
    "alternance-parite-inconnue": (
        "Une semaine sur deux sans dire laquelle : les semaines impaires sont écrites par convention."
    ),
    "demi-journee-midi": "Une plage continue a été coupée à midi pour distinguer le matin de l’après-midi.",
    "creneau-ajoute": "Un créneau donné seulement dans le commentaire ou la note a été ajouté.",
    "mention-conservee": "La mention qui accompagne les heures est gardée en remarque.",
    "note-non-traduite": "La note n’a pas de traduction en horaires : elle est gardée en remarque.",
    "rendez-vous-sans-heures": "Accueil sur rendez-vous, sans heures : pas d’horaires d’ouverture.",
    "ferme-sans-heures": "Fermeture indiquée, sans aucune heure d’ouverture : pas d’horaires d’ouverture.",
    "motif-sans-heures": (
        "Rythme d’ouverture sans heures (« 4 jours par semaine ») : ni horaires ni niveau n’en sont déduits."
    ),
    "ferie": "Jours fériés écrits « PH » ; la mesure porte sur une semaine ordinaire.",
    "creneau-nul": "Créneau 00:00-00:00, qui veut dire « pas de créneau » : ignoré.",
}

_REPAIR = {
    "echappement": "Caractères échappés (\\x20, &amp;, balises) rétablis.",
    "espaces": "Espaces insécables ou invisibles remplacées.",
    "apostrophe": "Apostrophe parasite devant l’heure retirée.",
    "heure-ecriture": "Écriture de l’heure mise en forme (8h30, 9:00:00, 1200 → 08:30, 09:00, 12:00).",
    "heure-12h": "Heure écrite sur douze heures (14:00-05:30) ramenée à vingt-quatre heures.",
    "fin-2359": "Fin à 23:59 ou début à 00:01 compris comme minuit.",
    "plage-vide": "Plage dont le début égale la fin : ignorée.",
    "plage-inversee": "Plage dont la fin précède le début, sans correction évidente : ces jours sont dits inconnus.",
    "demi-plage": "Plage à laquelle manque le début ou la fin : ces jours sont dits inconnus.",
    "heure-isolee": "Heures en nombre impair (« 09:00-12:00-14:00 ») : ces jours sont dits inconnus.",
    "jour-illisible": "Horaires d’un jour illisibles : ce jour est dit inconnu.",
    "jour-absent": "Plage sans jour : ignorée.",
    "nom-jour": "Nom de jour mis en forme (Wed, Mon, verdredi… → We, Mo, Fr).",
    "nom-mois": "Nom de mois mis en forme (Sept → Sep).",
    "crochet-espace": "Espace avant ou dans les crochets retirée (Tu [2] → Tu[2]).",
    "deux-points": "Deux-points ou espaces superflus retirés.",
    "separateur-absent": "Séparateur manquant entre deux règles ajouté.",
    "separateur-superflu": "Séparateur superflu retiré.",
    "liste-jours-espacee": (
        "Jours séparés par virgule et espace réunis en liste : à la lettre, ils seraient ouverts jour et nuit."
    ),
    "jours-croises": "Liste de premiers jours jointe à une liste de derniers jours (Mo,Th-Tu,Fr → Mo-Tu,Th-Fr).",
    "texte-francais": "Texte français trouvé là où la source annonce la notation OSM.",
    "texte-partiel": "Une partie du texte, sans rapport sûr avec les horaires, est laissée en remarque.",
    "jour-orthographe": "Faute de frappe dans un nom de jour corrigée.",
    "tiret-jours": "Deux jours joints par un tiret compris comme une suite de jours.",
    "restriction-non-traduite": (
        "La note restreint l’ouverture d’une façon qui n’a pas pu être traduite : les heures sont un maximum."
    ),
    "jours-repris": "Heures sans jour rattachées aux jours qui les précèdent.",
}

_FAILURE = {
    "illisible": "Le texte n’a pas pu être compris : horaires inconnus, texte d’origine conservé.",
    "json-invalide": (
        "Les horaires ne sont pas dans la forme annoncée par la source : inconnus, texte d’origine conservé."
    ),
    "jours-absents": "Des heures, mais aucun jour : horaires inconnus, texte d’origine conservé.",
}

#: Rule id -> sentence. The ids are stable; they are what `regles` holds.
REGLES: Mapping[str, str] = MappingProxyType({**_READING, **_REPAIR, **_FAILURE})


def repairs(rules: Iterable[str]) -> bool:
    """True when one of the rules altered what was written."""
    return any(rule in _REPAIR for rule in rules)
