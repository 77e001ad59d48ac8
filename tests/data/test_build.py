"""From the configs people choose to stores and batches."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from tests.data.clips import clip, header

import stgdn.cli.entry  # noqa: F401 (registers a resolver that the configs use)
from stgdn.data import build as building
from stgdn.data.baseline import trivial_accuracy
from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.batches.transforms import ClipSettings
from stgdn.data.build import build_data, clip_settings, open_store, prepare_data, stored_data
from stgdn.data.clip import Clip, Reader
from stgdn.data.protocols import PROTOCOLS, Protocol
from stgdn.data.store.description import summary
from stgdn.data.store.store import Header, Store
from stgdn.data.store.writer import StoreWriter
from stgdn.data.synthetic.demo_set import write_demo
from stgdn.errors import InputError
from stgdn.model.network import Network
from stgdn.skeleton import KINECT20, LAYOUTS, define, layout, plain

CONF = Path(__file__).parents[2] / "conf"
DATA = sorted(path.stem for path in (CONF / "data").glob("*.yaml"))


def composed(*options: str, name: str = "train") -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, [*options])


def nw_ucla(folder: Path, classes: int = 10) -> Path:
    """A store like NW-UCLA's, of 3 subjects before 3 cameras."""
    few = Header("nw_ucla", "kinect20", [f"class {n}" for n in range(classes)], 1, "nowhere")
    writer = StoreWriter(folder, few)
    for subject in (1, 2, 3):
        for camera in (1, 2, 3):
            writer.add(clip(f"s{subject}v{camera}", 9, ((0, 9),), KINECT20, subject, subject=subject, camera=camera))
    return writer.finish().folder


class TestConfigs:
    @pytest.mark.parametrize("data", [name for name in DATA if name != "custom"])  # which its own files describe
    @pytest.mark.parametrize("command", ["train", "prepare"])
    def test_fit_their_reader(self, data: str, command: str) -> None:
        config = composed(f"data={data}", name=command).data
        assert config.name == data
        assert isinstance(clip_settings(config), ClipSettings)
        reader: Reader = instantiate(config.reader)
        assert (config.layout, config.num_classes) == (reader.layout.name, len(reader.classes))
        assert config.bodies == reader.max_bodies
        assert config.in_channels == LAYOUTS[config.layout].channels
        assert config.protocol in PROTOCOLS
        assert config.source.endswith(str(instantiate(config.reader).source))

    def test_folds_of_sbu(self) -> None:
        assert [composed("data=sbu", f"data.fold={n}").data.protocol for n in (1, 5)] == ["sbu_fold1", "sbu_fold5"]

    def test_every_setting_comes_from_the_config(self) -> None:
        options = {
            **{"stream": "bone", "frames": 17, "sampling": "resize", "align": "turn", "box": "true", "crop": 0.5},
            **{"jitter": "true", "rotate": "[1,2,3]", "mirror": 0.25, "bodies": 4, "moving_camera": "true"},
        }
        config = composed("data=ntu60_xsub", *(f"data.{key}={value}" for key, value in options.items()))
        flags = {"box": True, "jitter": True, "moving_camera": True}
        assert clip_settings(config.data) == ClipSettings(
            "bone", 17, "resize", "turn", crop=0.5, rotate=(1, 2, 3), mirror=0.25, bodies=4, **flags
        )
        assert options.keys() == ClipSettings.__dataclass_fields__.keys()

    @pytest.mark.parametrize(
        ("option", "sentence"),
        [
            ("data.rotate=30", r"data\.rotate=\[30\] must be three angles"),
            ("data.rotate=null", r"data\.rotate=\[None\] must be three angles"),
            ("data.frames=abc", r"data\.frames=abc must be a whole number"),
            ("data.box=no", r"data\.box=no must be true or false"),
            ("data.stream=bones", "unknown stream 'bones'"),
        ],
    )
    def test_mistyped(self, option: str, sentence: str) -> None:
        with pytest.raises(InputError, match=sentence):
            clip_settings(composed("data=nw_ucla", option).data)


class TestBuildData:
    def test_makes_batches(self, tmp_path: Path) -> None:
        store = nw_ucla(tmp_path / "store")
        data = build_data(composed("data=nw_ucla", f"data.store={store}", "batch_size=2", "data.stream=bone", "seed=3"))
        assert (data.batch_size, data.workers, data.seed, data.settings.stream) == (2, 0, 3, "bone")
        assert {split: len(chosen) for split, chosen in data.splits.items()} == {"train": 6, "holdout": 0, "test": 3}
        (first, *_) = data.train_dataloader()
        assert first["clips"].shape == (2, 3, 52, 20, 1)

    @pytest.mark.parametrize(
        ("there", "accelerator", "workers"),
        [(True, "auto", 8), (True, "gpu", 8), (True, "cpu", 0), (False, "auto", 0), (False, "cpu", 0)],
    )
    def test_worker_processes_serve_a_gpu_that_is_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool, accelerator: str, workers: int
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
        monkeypatch.setattr(building, "available_cores", lambda: 16)
        options = (f"data.store={nw_ucla(tmp_path / 'store')}", f"trainer.accelerator={accelerator}")
        assert build_data(composed("data=nw_ucla", *options)).workers == workers
        assert build_data(composed("data=nw_ucla", *options, "workers=3")).workers == 3

    @pytest.mark.parametrize("holdout", ["[2]", "2"])
    def test_holds_out(self, tmp_path: Path, holdout: str) -> None:
        store = nw_ucla(tmp_path / "store")
        data = build_data(composed("data=nw_ucla", f"data.store={store}", f"data.holdout={holdout}"))
        assert set(data.store.clips["subject"][data.splits["holdout"]]) == {2}

    @pytest.mark.parametrize("data", [name for name in DATA if not name.startswith("demo")])
    def test_of_what_is_not_prepared(self, tmp_path: Path, data: str) -> None:
        config = composed(f"data={data}", f"data.store={tmp_path}/none")
        sentence = (
            rf"data={data} is not prepared \({tmp_path}/none is missing\): type `python src/prepare\.py data={data} "
            r"data\.source=PATH` with the path of the raw files; "
            r".*(rose1\.ntu\.edu\.sg|NW-UCLA\.zip|yysijie/st-gcn|kennymckormick/pyskl|2s-AGCN|CTR-GCN|own-data|"
            r"UTD-MHAD\.html|Yun et al\.)"
        )
        with pytest.raises(InputError, match=sentence):
            build_data(config)

    @pytest.mark.parametrize("data", ["ntu60_xsub", "ntu120_cset"])
    def test_of_a_store_of_another_layout(self, tmp_path: Path, data: str) -> None:
        config = composed(f"data={data}", f"data.store={nw_ucla(tmp_path / 'store')}")
        sentence = rf"holds 10 classes of layout kinect20.*, data={data} means \d+ of ntu25.*overwrite=true"
        with pytest.raises(InputError, match=sentence):
            build_data(config)

    def test_of_a_store_of_other_classes(self, tmp_path: Path) -> None:
        config = composed("data=nw_ucla", f"data.store={nw_ucla(tmp_path / 'store', classes=9)}")
        with pytest.raises(
            InputError, match=r"holds 9 classes of layout kinect20.*, data=nw_ucla means 10 of kinect20"
        ):
            build_data(config)

    def test_of_a_store_of_another_data_set(self, tmp_path: Path) -> None:
        config = composed("data=nw_ucla", f"data.store={nw_ucla(tmp_path / 'store')}", "data.dataset=my_own")
        with pytest.raises(InputError, match=r"from nw_ucla, data=nw_ucla means .* from my_own"):
            build_data(config)

    def test_fills_in_what_the_config_leaves_to_the_store(self, tmp_path: Path) -> None:
        own = replace(KINECT20, name="own")
        rules = {"mine": asdict(Protocol("subject", (1,))), "other": asdict(Protocol("camera", (1,)))}
        writer = StoreWriter(tmp_path / "s", Header("nw_ucla", plain(own), ["a", "b"], 3, "nowhere", protocols=rules))
        for subject in (1, 2):
            writer.add(clip(f"clip{subject}", 9, ((0, 9),), own, 0, subject=subject, camera=1))
        writer.finish()
        nulls = ("layout", "num_classes", "bodies", "protocol")
        config = composed("data=nw_ucla", f"data.store={tmp_path}/s", *(f"data.{key}=null" for key in nulls))
        data = build_data(config)
        assert (config.data.num_classes, config.data.bodies, config.data.protocol) == (2, 3, "mine")
        assert {split: len(chosen) for split, chosen in data.splits.items()} == {"train": 1, "holdout": 0, "test": 1}
        network: Network = instantiate(config.model)
        assert network.clip_shape == (3, 52, 20, 3)
        saved = OmegaConf.to_container(config.model, resolve=True)  # a run's config.yaml needs no store
        assert isinstance(saved, dict)
        assert layout(saved["layout"]) == own

    def test_fills_in_how_long_training_clips_are(self, tmp_path: Path) -> None:
        writer = StoreWriter(tmp_path / "s", Header("nw_ucla", "kinect20", list("abcdefghij"), 1, "nowhere"))
        for number, (frames, camera) in enumerate(((30, 1), (44, 2), (50, 1), (90, 2), (500, 3), (400, 3))):
            writer.add(clip(f"clip{number}", frames, ((0, frames),), KINECT20, 0, subject=1, camera=camera))
        writer.finish()
        config = composed("data=nw_ucla", f"data.store={tmp_path}/s")
        build_data(config)
        assert config.data.median_frames == 47
        config = composed("data=nw_ucla", f"data.store={tmp_path}/s", "data.protocol=ntu120_cset")
        open_store(config.data)  # the clips have no setup
        assert config.data.median_frames is None

    def test_of_a_store_read_another_way(self, tmp_path: Path, tiny_data: Path) -> None:
        options = (f"data_root={tmp_path}", f"data.source={tiny_data}/raw/demo", "data.synthetic=false")
        prepare_data(composed(*options, name="prepare"))
        assert Store(tmp_path / "prepared" / "demo").header.reader["denoise"] == "stgdn"
        build_data(composed(*options))
        sentence = r"demo was made with data\.reader\.denoise=stgdn, not agcn: prepare it again with overwrite=true, or"
        with pytest.raises(InputError, match=sentence):
            build_data(composed(*options, "data.reader.denoise=agcn"))
        with pytest.raises(InputError, match=sentence):
            prepare_data(composed(*options, "data.reader.denoise=agcn", name="prepare"))
        prepare_data(composed(*options, "data.reader.denoise=agcn", "overwrite=true", name="prepare"))
        build_data(composed(*options, "data.reader.denoise=agcn"))

    def test_maps_joints(self, tmp_path: Path) -> None:
        store = nw_ucla(tmp_path / "store")
        data = build_data(composed("data=nw_ucla", f"data.store={store}", "data.input_layout=ntu25", "batch_size=2"))
        (first, *_) = data.test_dataloader()
        assert first["clips"].shape == (2, 3, 52, 25, 1)
        assert data.layout.name == "ntu25"

    def test_of_another_store(self, tmp_path: Path) -> None:
        config = composed("data=pyskl", f"data.store={tmp_path}/none", "data.num_classes=10", "data.sampling=resize")
        data = stored_data(config, str(nw_ucla(tmp_path / "store")), "nw_ucla_xview")
        (first, *_) = data.test_dataloader()
        assert first["clips"].shape == (3, 3, 300, 17, 2)
        with pytest.raises(InputError, match=r"has 9 classes and the network was trained for 10 of pyskl"):
            stored_data(config, str(nw_ucla(tmp_path / "nine", classes=9)))

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (["data.input_layout=coco17", "data.align=body"], "layout coco17 is flat, data.align"),
            (["data.input_layout=ntu52"], "unknown joint layout 'ntu52'.*did you mean 'ntu25'"),
            (["data.input_layout={joints: [tip], name: rod}"], "layout kinect20 has no joint for 'tip' of rod"),
        ],
    )
    def test_of_joints_that_do_not_fit(self, tmp_path: Path, options: list[str], sentence: str) -> None:
        config = composed("data=nw_ucla", f"data.store={nw_ucla(tmp_path / 'store')}", *options)
        with pytest.raises(InputError, match=sentence):
            build_data(config)

    def test_turning_needs_a_spine(self, tmp_path: Path) -> None:
        rod = define({"name": "rod", "joints": ["head", "left_foot"], "bones": [["left_foot", "head"]]})
        store = nw_ucla(tmp_path / "store")
        with pytest.raises(InputError, match=r"layout rod has no spine or no shoulders: say data\.align=none"):
            SkeletonData(store, "nw_ucla_xview", ClipSettings(align="turn"), layout=rod)

    def test_prepares_the_demo_when_it_is_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            building, "write_demo", partial(write_demo, subjects=(1, 3), replications=1, actions=(1, 6))
        )
        options = ("data=demo", f"data_root={tmp_path}", "data.reader.actions=[1,6]", "data.num_classes=2")
        data = build_data(composed(*options))
        assert data.store.header.synthetic
        assert {split: len(chosen) for split, chosen in data.splits.items()} == {"train": 6, "holdout": 0, "test": 6}
        monkeypatch.delattr(building, "write_demo")
        assert len(build_data(composed(*options)).store) == 12

    def test_processes_that_begin_together_prepare_the_demo_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[Path] = []

        def write(folder: Path) -> None:
            written.append(folder)
            write_demo(folder, subjects=(1, 3), replications=1, actions=(1, 6))

        monkeypatch.setattr(building, "write_demo", write)
        options = ("data=demo", f"data_root={tmp_path}", "data.reader.actions=[1,6]", "data.num_classes=2")
        configs = [composed(*options).data for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            assert [len(store) for store in pool.map(open_store, configs)] == [12, 12, 12]
        assert len(written) == 1
        assert [path.name for path in (tmp_path / "prepared").iterdir()] == ["demo"]


class TestPrepareData:
    def write(self, folder: Path, name: str, label: int) -> None:
        skeletons = np.random.default_rng(label).normal(0, 0.3, (7, 20, 3)).tolist()
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps({"skeletons": skeletons, "label": label}))

    def test_tells_what_it_made(self, tmp_path: Path) -> None:
        for view in (1, 2, 3):
            self.write(tmp_path / "raw", f"a01_s01_e00_v0{view}", 1)
            self.write(tmp_path / "raw", f"a02_s01_e00_v0{view}", 2)
        self.write(tmp_path / "raw", "a02_s01_e01_v03", 5)
        config = composed(
            "data=nw_ucla", f"data.source={tmp_path}/raw", f"data_root={tmp_path}", "verify=true", name="prepare"
        )
        told = prepare_data(config).splitlines()
        assert told == [
            f"nw_ucla: 6 clips of 10 classes, 42 body frames, 0 MB in {tmp_path}/prepared/nw_ucla",
            f"read from {tmp_path}/raw",
            "nw_ucla_xview: 4 training and 2 test clips",
            "left out 1: has label 5, but action 2 is label 2",
            "note: nw_ucla_xview has 4 training and 2 test clips, officially 1,020 and 464: -1,016 and -462",
        ]
        path = tmp_path / "prepared" / "nw_ucla" / "coordinates.bin"
        path.write_bytes(path.read_bytes()[::-1])
        with pytest.raises(InputError, match=r"checksum of coordinates\.bin does not match"):
            prepare_data(config)
        config.verify = False
        assert prepare_data(config).splitlines() == told


def test_summary_compares_with_the_official_lists(tmp_path: Path) -> None:
    store = Store(nw_ucla(tmp_path / "store"))
    store.header.expected = 9
    assert "official lists" not in summary(store, "nw_ucla_xview")
    store.header.expected = 1484
    assert "note: 9 clips where the official lists leave 1,484" in summary(store, "nw_ucla_xview")


def average_pose(one: NDArray[np.float32], root: int) -> list[float]:
    """Mean over the frames in which a body is seen of its joints minus its root, body after body; (M, T, V, C)."""
    pose: list[float] = []
    for body in one.astype(float):
        frames = [frame - frame[root] for frame in body if frame.any()]
        pose += list(np.ravel(sum(frames) / len(frames) if frames else body[0]))
    return pose


def data_of(folder: Path, clips: list[Clip], **options: tuple[int, ...]) -> SkeletonData:
    writer = StoreWriter(folder, header(KINECT20, max_bodies=2))
    for one in clips:
        writer.add(one)
    store = writer.finish()
    return SkeletonData(store.folder, "ntu60_xsub", ClipSettings(), **options)  # pyright: ignore[reportArgumentType]


def acted(label: int, subject: int, arm: NDArray[np.float64]) -> Clip:
    """A clip in which the arm of one figure moves by `arm` (T, 3), wherever the person stands."""
    rng = np.random.default_rng([label, subject])
    joints = np.tile(np.random.default_rng(0).normal(size=(20, 3)), (len(arm), 1, 1))
    joints[:, 11] += arm
    joints += 5 * rng.normal(size=(len(arm), 1, 3)) + 0.01 * rng.normal(size=joints.shape)
    present = np.ones((1, len(arm)), np.bool_)
    return Clip(f"a{label}p{subject:02}", label, joints[None].astype(np.float32), present, subject=subject)


class TestTrivialAccuracy:
    def test_equals_the_loops(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(5)
        made = []
        for number in range(60):
            runs = ((0, 6), (2, 3)) if number % 3 else ((1, 5),)
            made.append(clip(f"{number:02}", 6, runs, KINECT20, int(rng.integers(3)), subject=int(rng.integers(1, 9))))
            made[-1].joints[..., 4, 0] += 0.8 * made[-1].label * made[-1].present[..., None].any(-1)
        data = data_of(tmp_path / "store", made, holdout=(1,))
        store = data.store
        poses = [average_pose(store.joints(index), KINECT20.centre) for index in range(60)]
        labels = store.clips["label"].tolist()
        test = set(data.splits["test"].tolist())
        right = 0
        for index in test:
            distance = {}
            for label in set(labels):
                mean = np.mean([poses[n] for n in range(60) if n not in test and labels[n] == label], axis=0)
                distance[label] = float(np.sum((mean - poses[index]) ** 2))
            right += min(distance, key=lambda label: distance[label]) == labels[index]
        assert 0.3 < right / len(test) < 1
        assert trivial_accuracy(data) == pytest.approx(right / len(test))

    def test_of_poses_that_differ(self, tmp_path: Path) -> None:
        made = [acted(label, subject, np.full((9, 3), 0.3 * label)) for label in (0, 1, 2) for subject in range(1, 9)]
        assert trivial_accuracy(data_of(tmp_path / "store", made)) == 1

    def test_of_motion_in_opposite_directions_is_chance(self, tmp_path: Path) -> None:
        rise = np.linspace(0, 1, 9)[:, None] * [0, 1, 0]
        made = [acted(label, subject, (rise, rise[::-1])[label]) for label in (0, 1) for subject in range(1, 41)]
        assert trivial_accuracy(data_of(tmp_path / "store", made)) == pytest.approx(0.5, abs=0.2)

    def test_of_a_class_that_nobody_trains_is_wrong(self, tmp_path: Path) -> None:
        made = [acted(label, subject, np.full((9, 3), label)) for label, subject in ((0, 1), (1, 2), (0, 3), (2, 6))]
        assert trivial_accuracy(data_of(tmp_path / "store", made)) == 0.5
