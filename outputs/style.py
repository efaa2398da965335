"""How layers are shown, as data: `styles/*.yml` (one layer each), `palettes.yml`, `cartes.yml`, read and checked here.

A file of `styles/` draws a layer, and may declare it too: figures of one table joined to the outlines of another,
outlines merged, rows kept by a filter. Making such layers is `outputs.joined`; QGIS's own forms are `outputs.qgis`.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.foundations.declared import Strict, checked, load

_HERE = Path(__file__).parent

Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Shape = Literal["cercle", "carre", "losange", "triangle", "etoile"]
Millimetres = Annotated[float, Field(ge=0, le=20, allow_inf_nan=False)]
Scale = Annotated[int, Field(ge=100)]  # denominator


class _Drawn(Strict):
    forme: Shape = "cercle"  # of points
    taille: Millimetres = 2.2  # of points
    contour: Colour | None = "#ffffff"
    epaisseur: Millimetres = 0.2
    opacite: float = Field(default=1.0, ge=0, le=1)


class Plain(_Drawn):
    """One symbol for all."""

    type: Literal["uni"]
    couleur: Colour | None = Field(default=None, description="fill; none leaves only the outline")


class Categories(_Drawn):
    """A colour per value of a column, from a palette of `palettes.yml` (`valeurs`).

    `autres` says in the legend what has none of these values, null included.
    """

    type: Literal["categories"]
    colonne: str
    palette: str
    autres: str = "autre"


class Classes(_Drawn):
    """A shade per class of a number, from a ramp of `palettes.yml` (`degrades`).

    `limites`, increasing, are in the column's unit and belong to the class below them; null has a colour and words of
    its own (`inconnu`, `libelle_inconnu`).
    `inverse` turns the ramp round: what is few or low is dark. `libelles` (in the legend, in the place of the limits)
    and `tailles` (of points, the largest drawn first) are given for each class, from low to high, or for none.
    """

    type: Literal["classes"]
    colonne: str
    limites: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = Field(min_length=1)
    palette: str
    inverse: bool = False
    libelles: tuple[str, ...] = ()
    tailles: tuple[Millimetres, ...] = ()
    inconnu: Colour = "#e4e4e4"
    libelle_inconnu: str = "non connu"

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if list(self.limites) != sorted(set(self.limites)):
            raise ValueError("limites must increase")
        classes = len(self.limites) + 1
        for name, given in (("libelles", self.libelles), ("tailles", self.tailles)):
            if given and len(given) != classes:
                raise ValueError(f"{name}: {classes} expected, one per class, {len(given)} found")
        return self


Style = Annotated[Plain | Categories | Classes, Field(discriminator="type")]


class Labels(Strict):
    """Names written on the map, from a scale on; `poids` (a number) decides who goes first where room is short."""

    colonne: str
    echelle: Scale
    poids: str | None = None
    taille: float = Field(default=8.0, gt=0, le=40, description="points")
    couleur: Colour = "#1b1f24"


class LayerStyle(Strict):
    """One file of `styles/`.

    Attributes:
        couche: the layer. Without `geometrie`, it is that of a published table (`Contract.layer`).
        geometrie: table, or merged layer, whose geometry the declared layer takes. `cle`: its column that `donnees` are
            joined by, and outlines merged by.
        fusion: one outline per value of `cle`.
        donnees: table whose row `cle_donnees` equals `cle` gives the figures. A place without row has none: null.
        filtre: rows kept, of `donnees` if any, else of `geometrie`: value, or list of values, by column.
        colonnes: columns of the layer, taken from `donnees`, else from `geometrie`; all of `geometrie` when empty.
        groupe: where it stands in the project (`cartes.yml`); `ordre`: its rank there.
        affiche: column that names a feature.
        variantes: further layers, each the same but for the fields given: other services, the other measure of time.
    """

    couche: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    titre: str = ""
    description: str = ""
    geometrie: str | None = None
    cle: str | None = None
    fusion: bool = False
    donnees: str | None = None
    cle_donnees: str | None = None
    filtre: Mapping[str, str | int | tuple[str | int, ...]] = Field(default_factory=dict)
    colonnes: tuple[str, ...] = ()
    groupe: str
    ordre: int = 50
    visible: bool = True
    affiche: str | None = None
    style: Style | None = None
    etiquettes: Labels | None = None
    variantes: tuple[Mapping[str, Any], ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.geometrie is None:
            given = {"cle", "fusion", "donnees", "cle_donnees", "filtre", "colonnes"} & self.model_fields_set
            if given:
                raise ValueError(f"{', '.join(sorted(given))} need geometrie")
            return self
        if not self.titre or not self.description:
            raise ValueError("a declared layer needs titre and description")
        if (self.donnees is None) != (self.cle_donnees is None) or ((self.donnees or self.fusion) and not self.cle):
            raise ValueError("donnees needs cle and cle_donnees, fusion needs cle")
        return self


class Palettes(Strict):
    """`palettes.yml`: ramps from low to high, and colours by value."""

    degrades: Mapping[str, Annotated[tuple[Colour, ...], Field(min_length=2)]]
    valeurs: Mapping[str, Mapping[str, Colour]]

    def shades(self, ramp: str, number: int) -> list[str]:
        """`number` colours spread evenly over the ramp."""
        stops = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in self.degrades[ramp]]
        shades = []
        for rank in range(number):
            at = rank / max(number - 1, 1) * (len(stops) - 1)
            low = min(int(at), len(stops) - 2)
            mixed = [round(a + (b - a) * (at - low)) for a, b in zip(stops[low], stops[low + 1], strict=True)]
            shades.append("#" + "".join(f"{v:02x}" for v in mixed))
        return shades


class Map(Strict):
    """A map of the project: a theme and an A4 page. Left out when one of its layers is not in the release."""

    nom: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    titre: str
    sous_titre: str
    couches: tuple[str, ...] = Field(min_length=1)


class Relation(Strict):
    """Features of `couche` belong to the one of `vers` whose `cle` their `colonne` names."""

    couche: str
    colonne: str
    vers: str
    cle: str


class Maps(Strict):
    """`cartes.yml`: groups of layers from top to bottom (`autres`: of layers without a file), relations beside the
    foreign keys of the contracts, and maps. The first map is what the project shows when opened.
    """

    groupes: tuple[str, ...]
    autres: str
    relations: tuple[Relation, ...] = ()
    cartes: tuple[Map, ...]


class Look(Strict):
    """All the declarations of the folder."""

    couches: tuple[LayerStyle, ...]
    palettes: Palettes
    cartes: Maps

    @model_validator(mode="after")
    def _agree(self) -> Self:
        faults = []
        names = [c.couche for c in self.couches]
        faults += [f"couche {n} twice" for n in sorted({n for n in names if names.count(n) > 1})]
        for layer in self.couches:
            if layer.groupe not in self.cartes.groupes:
                faults.append(f"{layer.couche}: groupe {layer.groupe!r} is not in cartes.yml")
            match layer.style:
                case Categories(palette=palette) if palette not in self.palettes.valeurs:
                    faults.append(f"{layer.couche}: no palette of values {palette!r}")
                case Classes(palette=palette) if palette not in self.palettes.degrades:
                    faults.append(f"{layer.couche}: no ramp {palette!r}")
        faults += [
            f"carte {m.nom}: no style for {name}" for m in self.cartes.cartes for name in m.couches if name not in names
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self


#: Nothing declared.
PLAIN = Look(
    couches=(), palettes=Palettes(degrades={}, valeurs={}), cartes=Maps(groupes=(), autres="Couches", cartes=())
)


def look_of(folder: Path) -> Look:
    """The declarations of a folder laid out like this one.

    Raises:
        WrongUse: a file is not what it should be, or two disagree.
    """
    layers = [layer for path in sorted((folder / "styles").glob("*.yml")) for layer in _layers(path)]
    parts = {
        "couches": sorted(layers, key=lambda c: (c.ordre, c.couche)),
        "palettes": load(Palettes, folder / "palettes.yml"),
        "cartes": load(Maps, folder / "cartes.yml"),
    }
    return checked(Look, parts, folder)


def _layers(path: Path) -> list[LayerStyle]:
    """The layer of a file, and its variants."""
    first = load(LayerStyle, path)
    alone = first.model_dump(exclude_unset=True, exclude={"variantes"})
    return [first, *(checked(LayerStyle, {**alone, **variant}, path) for variant in first.variantes)]


@cache
def look() -> Look:
    """The project's own declarations."""
    return look_of(_HERE)
