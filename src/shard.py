"""Cut a prepared store into shards: `python src/shard.py data=ntu120_xsub to=s3://bucket/ntu120`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command


@command("shard")
def main(config: DictConfig) -> None:
    """Write the shards and say how to train from them."""
    from stgdn.data.build import open_store
    from stgdn.data.store.shard_writer import write_shards

    to = config.to  # told to be missing before anything is made
    store = write_shards(open_store(config.data), config.data.protocol, to, config.size, config.overwrite)
    print(f"{len(store):,} clips in {len(store.shards):,} shards, {store.megabytes:,.0f} MB, at {store.location}")
    print(f"train from them with `python src/train.py data={config.data.name} data.store={store.location}`")


if __name__ == "__main__":
    main()
