"""train: event files as TensorBoard reads them. The reader below follows the format's definition:
records of length, masked CRC-32C, protocol buffer, masked CRC-32C."""
import json
import os
import struct

import support


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff


def records(data):
    while data:
        length, check = struct.unpack("<QI", data[:12])
        assert check == masked(data[:8])
        event, check = data[12:12 + length], struct.unpack("<I", data[12 + length:16 + length])[0]
        assert check == masked(event)
        yield event
        data = data[16 + length:]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(message):
    """(number, value) of a protocol buffer; values are integers or bytes."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        wire, size = key & 7, {1: 8, 5: 4}.get(key & 7)
        if wire == 0:
            value, at = varint(message, at)
        else:
            if wire == 2:
                size, at = varint(message, at)
            value, at = message[at:at + size], at + size
        yield key >> 3, value


def events(path):
    """(step, {tag: value}, version, whether a session starts) of every event."""
    for record in records(support.read(path)):
        step, scalars, version, start = 0, {}, None, False
        for number, value in fields(record):
            if number == 2:
                step = value
            elif number == 3:
                version = value.decode()
            elif number == 7:
                start = dict(fields(value)) == {1: 1}
            elif number == 5:
                for _, item in fields(value):
                    parts = dict(fields(item))
                    scalars[parts[1].decode()] = struct.unpack("<f", parts[2])[0]
        yield step, scalars, version, start


class TensorboardTest(support.EndToEndTest):

    def files(self, run):
        folder = self.path(run, "tensorboard")
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]

    def test_events_are_the_journals(self):
        artifact, data = self.make_artifact(), self.make_data()
        flags = ["train", artifact, "--data", data, "--out", self.path("run"), "--steps", 8,
                 "--set", "eval_interval=4"]
        self.run_ok(*flags, "--stop-at", 5)
        self.run_ok("train", "--out", self.path("run"), "--resume")
        names = [os.path.basename(name) for name in self.files("run")]
        self.assertEqual(names, [f"events.out.tfevents.{n:010d}.hydra" for n in (1, 2)])
        first, second = ([*events(name)] for name in self.files("run"))
        for started, at in ((first, 1), (second, 6)):
            self.assertEqual(started[0][2], "brain.Event:2")
            self.assertEqual((started[1][0], started[1][3]), (at, True))
        seen = {}
        for step, scalars, _, _ in first[2:] + second[2:]:
            seen.setdefault(step, {}).update(scalars)
        lines = [json.loads(line) for line in
                 support.read(self.path("run", "steps.jsonl")).splitlines()]
        for line in lines:
            if line["event"] == "step":
                found = seen[line["step"]]
                self.assertAlmostEqual(found["loss/total"], line["loss"]["total"], places=5)
                self.assertAlmostEqual(found["train/learning_rate"], line["lr"], places=9)
                self.assertIn("record/clip_limit", found)
            elif line["event"] == "evaluation":
                self.assertAlmostEqual(seen[line["step"]]["evaluation/validation"], line["loss"],
                                       places=5)
        self.assertEqual(sorted(seen), list(range(1, 9)))


if __name__ == "__main__":
    support.main()
