"""Classify raw clips by a trained network: `python src/predict.py run=outputs/... clips=FILE`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.cli.messages import progress, warn, warn_unfinished
from stgdn.cli.options import chosen_layout, positive_int, words_for
from stgdn.errors import choose
from stgdn.files import replacing

LIVE = ("run", "checkpoint", "weights", "reader", "layout", "picture", "scale")  # mean the same to src/live.py


@command("predict")
def main(config: DictConfig) -> float | None:
    """Read the clips, print the likeliest classes of each and write them; returns top-1 where labels are known."""
    from stgdn.inference.output import FORMATS, format_predictions
    from stgdn.reports.output_file import output_path

    form = choose(config.format, FORMATS, "format")
    path = output_path(config.write, "write", (".json", ".csv", ".txt"))
    top, batch_size, shown = (positive_int(config, option) for option in ("top", "batch_size", "player_clips"))
    from stgdn.data.readers.find_clips import find_clips
    from stgdn.inference.load import chosen_device, load_networks
    from stgdn.inference.predictions import expected_of, predict
    from stgdn.player.pictures import KINDS, expect_kind, write_scenes
    from stgdn.player.scenes import raw_scenes

    given = "player.html" if config.player is True else config.player
    expect_kind(given)
    player = output_path(given, "player", KINDS)
    device = chosen_device(config.accelerator)
    network = load_networks(config.run, config.checkpoint, config.weights).to(device)
    warn_unfinished(network)
    expected = expected_of(network, chosen_layout(config.layout), config.picture)
    found = find_clips(config.clips, config.reader, expected)
    with progress(len(found)) as done:
        predictions = predict(
            network, found, batch_size=batch_size, scale=config.scale, done=done, remark=warn, options=words_for(LIVE)
        )
    warn(*(f"left out: {name}: {reason}" for name, reason in predictions.unusable))
    if predictions.clips:
        print(format_predictions(predictions, form, top), end="")
    if path is not None:
        written = {".json": "json", ".csv": "csv"}.get(path.suffix.lower(), "table")
        with replacing(path) as temporary:
            temporary.write_text(format_predictions(predictions, written, top), encoding="utf-8")
        warn(f"written: {path}")
    if player is not None and predictions.clips:
        with progress(min(shown, len(predictions.clips))) as done:
            write_scenes(raw_scenes(network, found, most=shown, scale=config.scale, done=done), player)
        left = len(predictions.clips) - shown
        warn(f"written: {player}" + (f", the first {shown} clips (player_clips=N for more)" if left > 0 else ""))
    predictions.expect_all_usable()
    return predictions.accuracy()


if __name__ == "__main__":
    main()
