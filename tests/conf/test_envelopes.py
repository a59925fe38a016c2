"""The groups pre, inner and post: what fits together is built (test_training_steps.py has its steps)."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from support import compose, options

from lic_image.codecs.adjacent import Adjacent
from lic_image.envelope.post import Refined
from lic_image.layers.decoded_refinement import DecodedRefinement

FITTING = {
    "none": None,
    "downscale": "super_resolution",
    "compact": "super_resolution",
    "luma": "colourise",
    "holes": "inpaint",
}
OF_ITS_SIZE = ["arcnn", "green_guided", "refinement", "restore"]


@pytest.mark.parametrize("size", options("size"))
@pytest.mark.parametrize("inner", options("inner"))
def test_every_inner_codec_is_built_into_everything(inner: str, size: str) -> None:
    assert {*FITTING} == {*options("pre")} and {*OF_ITS_SIZE, "none", *FITTING.values()} - {None} == {*options("post")}
    pairs = [(pre, post) for pre, own in FITTING.items() for post in ([own] if own else OF_ITS_SIZE)]
    for pre, post in pairs:
        cfg = compose("model=image/enveloped", f"pre={pre}", f"inner={inner}", f"post={post}", f"size={size}")
        codec = instantiate(cfg.model.codec)
        assert codec.downsampling % 16 == 0
        knows = getattr(codec.post, "knows_quality", None)
        assert knows is None or knows == (inner != "mean_hyperprior")


@pytest.mark.parametrize("inner", options("inner"))
@pytest.mark.parametrize("recipe", [name for name in options("experiment/image") if name.startswith("enveloped_")])
def test_every_recipe_goes_with_every_inner_codec(recipe: str, inner: str) -> None:
    cfg = compose(f"experiment=image/{recipe}", f"inner={inner}", "size=tiny")
    codec = instantiate(cfg.model.codec).eval()
    x, x_hats = torch.rand(1, 3, 128, 128), []
    if inner == "mean_hyperprior":
        x_hats.append(codec(x)["x_hat"])
    else:
        for quality in {codec.setting.curve[0], codec.setting.curve[-1]}:
            with codec.at(quality):
                x_hats.append(codec(x)["x_hat"])
    assert {x_hat.shape for x_hat in x_hats} == {x.shape}


def test_any_codec_of_ours_with_its_blocks_may_be_inside() -> None:
    inside = ["inner=mean_hyperprior", "model/image@inner_image=adjacent"]
    codec = instantiate(compose("model=image/enveloped", *inside, "size=tiny").model.codec)
    assert isinstance(codec.inner, Adjacent)
    assert hasattr(codec.inner.g_a, "attention")


@pytest.mark.parametrize(
    ("inner", "losses"),
    [("intra", {"prediction": (5, 1)}), ("interleaved", {"enhancement": (1, 0.3333)}), ("swift", {})],
)
def test_losses_of_the_codec_inside_keep_their_weights(inner: str, losses: dict[str, tuple[float, float]]) -> None:
    said = ["model=image/enveloped", "inner=mean_hyperprior", f"model/image@inner_image={inner}", "post=arcnn"]
    module = instantiate(compose(*said, "size=tiny").model)
    assert module.own_losses == losses
    out = module.train()(torch.rand(1, 3, module.codec.downsampling, module.codec.downsampling))
    assert set(out.get("losses", {})) == set(losses) == set(module.codec.own_losses)
    if losses:
        (name,) = losses
        changed = compose(*said, "size=tiny", f"inner_image.losses.{name}.weight=3").model
        assert instantiate(changed).own_losses[name].weight == 3


def test_a_classical_codec_has_no_losses_of_its_own() -> None:
    module = instantiate(compose("model=image/enveloped", "size=tiny").model)
    assert module.own_losses == {} and module.codec.own_losses == ()


def test_a_refinement_block_may_stand_behind() -> None:
    cfg = compose("model=image/enveloped", "post=refinement", "refinement@post_refinement=nonlocal", "size=tiny")
    post = instantiate(cfg.model.codec).post
    assert isinstance(post, Refined) and isinstance(post.block, DecodedRefinement)


def test_what_does_not_fit_is_said_before_training(lic, photographs: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    for wrong, sentence in (
        (["pre=downscale"], "a pre of factor 2"),
        (["pre=holes"], "pre=holes goes with post=inpaint"),
        (["post=none"], "nothing here learns"),
        (["inner.codec.quality=0"], "1 to 100"),
    ):
        assert lic("train", "model=image/enveloped", *wrong, "debug=step") == 2
        assert sentence in capsys.readouterr().out


@pytest.mark.parametrize("inner", ["mean_hyperprior", "swift"])
def test_a_codec_of_ours_inside_is_trained_at_its_own_rates(inner: str) -> None:
    own = compose(f"model=image/{inner}", "size=tiny").model
    within = ["model=image/enveloped", "size=tiny", "inner=mean_hyperprior", f"model/image@inner_image={inner}"]
    made = compose(*within).model
    assert (made.optimizer.lr, made.aux_lr) == (own.optimizer.lr, own.aux_lr)
    assert compose("model=image/enveloped", "size=tiny").model.optimizer.lr == 2e-3
    assert compose(*within, "model.optimizer.lr=3").model.optimizer.lr == 3
