"""Wrong use is an exception, never a crash; interrupts end a call."""

import inspect
import itertools
import os
import pickle
import signal
import subprocess
import sys
import threading
import unittest

import lode
from lode._ffi import lib

from .common import DictStore, StoreCase, numbers


class Closed(StoreCase):
    def test_every_method_of_a_closed_handle_is_refused(self) -> None:
        snapshot = self.events.stream_write_records([{"n": 1}])
        handles = [
            self.store,
            self.events,
            snapshot,
            self.events.writer(),
            self.events.read(),
            self.events.snapshots(),
            self.store.catalog(),
            lode.CancelToken(),
            self.store.volume("disk", total_length=10),
            self.store.volume("disk", total_length=10).stage(0, b"1"),
        ]
        for handle in handles:
            handle.close()
            handle.close()
            self.assertTrue(handle.closed)
            with self.assertRaises(lode.StateError):
                handle.__enter__()
        for use in (
            lambda: self.store.dataset("x"),
            lambda: self.events.latest(),
            lambda: snapshot.id,
            lambda: handles[3].append(b"{}"),
            lambda: next(handles[4]),
            lambda: next(handles[5]),
            lambda: list(handles[6].datasets()),
            lambda: handles[7].cancel(),
            lambda: handles[8].latest(),
            lambda: handles[9].json,
        ):
            with self.assertRaisesRegex(lode.StateError, "is closed"):
                use()

    def test_what_was_made_from_a_handle_outlives_it(self) -> None:
        self.events.stream_write_records([{"n": 1}])
        reader, snapshots = self.events.read(), self.events.snapshots()
        self.events.close()
        self.store.close()
        self.assertEqual(numbers(reader), [1])
        self.assertEqual(len(list(snapshots)), 1)

    def test_a_close_during_a_call_waits_for_its_end(self) -> None:
        source, sink = os.pipe()
        writer = self.events.writer()
        waits = threading.Event()
        failed = []

        def feed() -> None:
            try:
                writer.write_lines(source, progress=lambda *_: waits.set())
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=feed)
        thread.start()
        waits.wait()
        writer.close()
        os.write(sink, b'{"n":1}\n')
        os.close(sink)
        thread.join()
        os.close(source)
        self.assertEqual(failed, [])
        self.assert_nothing_committed()


class Garbage(StoreCase):
    def test_every_method_with_every_kind_of_argument_raises_or_works(self) -> None:
        self.store = lode.Store.memory()
        self.events = self.store.dataset("events")
        garbage = [None, "", "x", "a\0b", "\ud800", b"\xff", -1, 2**70, 1.5, object(), [object()], lambda *_: 1 / 0]
        self.events.stream_write_records([{"n": 1}])
        snapshot = self.events.latest()
        makers = [
            lambda: self.store,
            lambda: self.events,
            lambda: snapshot,
            lambda: self.events.writer(),
            lambda: self.events.read(),
            lambda: self.store.catalog(),
            lambda: self.store.dataset("blobs", codec=None).blob_writer(),
            lambda: self.store.volume("disk", total_length=100),
            lambda: self.store.volume("disk", total_length=100).stage(0, b"1"),
        ]
        kinds = (lode.CallOptions, lode.CommitOptions, lode.ReadOptions)
        options = {name for kind in kinds for name in kind.__optional_keys__}
        calls = 0
        for make in makers:
            for name, method in inspect.getmembers(make(), callable):
                if name.startswith("_") or name == "close":
                    continue
                for arguments in itertools.chain(
                    ((value,) for value in garbage), itertools.product(garbage[:9], repeat=2)
                ):
                    try:
                        getattr(make(), name)(*arguments)
                    except Exception as failed:
                        self.assertNotIsInstance(failed, SystemError)
                    calls += 1
                for keyword in sorted({*inspect.signature(method).parameters, *options}):
                    for value in garbage:
                        try:
                            getattr(make(), name)(**{keyword: value})
                        except Exception as failed:
                            self.assertNotIsInstance(failed, SystemError)
        self.assertGreater(calls, 1000)
        with self.events.writer() as writer:
            with self.assertRaises(lode.Error):
                writer.write_lines(-1)

    def test_options_that_are_not_there_are_refused_with_those_that_are(self) -> None:
        with self.assertRaisesRegex(ValueError, "codec is one of .*'jsonl'.*, not 'csv'"):
            self.store.dataset("x", codec="csv")
        with self.assertRaisesRegex(ValueError, "verify is one of"):
            self.events.read(self.events.stream_write_records([]), verify="maybe")
        with self.assertRaisesRegex(TypeError, "a commit has no argument 'sequnce'"):
            self.events.writer(sequnce=1)  # type: ignore[call-arg]
        with self.assertRaisesRegex(TypeError, "a commit has no argument 'verify'; it has attempts, cancel"):
            self.events.stream_write_records([], verify="first")  # type: ignore[call-arg]
        with self.assertRaisesRegex(TypeError, "a call has no argument 'producer'"):
            self.events.latest(producer="p")  # type: ignore[call-arg]
        with self.assertRaisesRegex(TypeError, "a reader has no argument 'progress'"):
            self.events.read(progress=print)  # type: ignore[call-arg]
        with self.assertRaisesRegex(TypeError, "partition_keys"):
            self.store.dataset("x", layout="hive", partition_keys="day")
        with self.assertRaises(TypeError):
            self.events.stream_write_records([], ["no", "mapping"])  # type: ignore[arg-type]
        with self.assertRaises(lode.InvalidArgumentError):
            self.store.dataset("a/b")
        self.assertTrue(issubclass(lode.InvalidArgumentError, ValueError))

    def test_a_handle_is_not_pickled(self) -> None:
        for handle in (self.store, self.events):
            with self.assertRaisesRegex(TypeError, "open it again"):
                pickle.dumps(handle)


class Errors(unittest.TestCase):
    def test_each_failure_of_the_header_has_a_class(self) -> None:
        failures = [name for name in dir(lib) if name.startswith("LODE_ERR_")]
        self.assertGreater(len(failures), 30)
        for name in failures:
            kind = lode._statuses.BY_STATUS[getattr(lib, name)]
            self.assertEqual(kind.__name__.lower(), name[9:].replace("_", "").lower() + "error")
            self.assertIn(kind.__name__, lode.__all__)
            self.assertTrue(kind.__doc__)

    def test_each_action_of_the_header_is_a_member(self) -> None:
        actions = {name[12:]: getattr(lib, name) for name in dir(lib) if name.startswith("LODE_ACTION_")}
        self.assertEqual(actions, {action.name: action.value for action in lode.Action})

    def test_an_error_keeps_its_facts_in_a_pickle(self) -> None:
        store = lode.Store.memory()
        with self.assertRaises(lode.NotFoundError) as caught:
            store.get("a/b")
        again = pickle.loads(pickle.dumps(caught.exception))
        self.assertIs(type(again), lode.NotFoundError)
        self.assertEqual(again.__dict__, caught.exception.__dict__)
        self.assertEqual((again.path, str(again)), ("a/b", caught.exception.message))


@unittest.skipUnless(hasattr(signal, "pthread_kill"), "no signals between threads")
class Interrupts(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        # A background job of a shell ignores the signal, and so would the tests.
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))

    def interrupted(self, use, *arguments, **keywords) -> None:  # type: ignore[no-untyped-def]
        """The call, which waits for a pipe, ends by the interrupt that comes during it."""

        def interrupt(*_: int) -> None:
            # Told by the call itself, so it is running; the signal's handler is Python's own.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        with self.assertRaises(KeyboardInterrupt):
            use(*arguments, progress=interrupt, **keywords)

    def test_an_interrupt_ends_a_call_that_waits(self) -> None:
        source, sink = os.pipe()
        self.addCleanup(os.close, source)
        writer = self.events.writer()
        self.interrupted(writer.write_lines, source)
        os.write(sink, b'{"n":1}\n')
        os.close(sink)
        writer.write_lines(source)  # goes on
        writer.commit()
        self.assertEqual(numbers(self.events.read()), [1])

    def test_an_interrupt_ends_a_stream_with_nothing_committed(self) -> None:
        self.interrupted(self.events.stream_write_records, ({"n": n} for n in range(1_000_000)))
        self.assert_nothing_committed()

    def test_an_interrupt_from_outside_ends_a_program(self) -> None:
        program = (
            "import lode, os, sys\n"
            "source, sink = os.pipe()\n"
            "writer = lode.Store(sys.argv[1]).dataset('events').writer()\n"
            "writer.append({'n': 1})\n"
            "os.write(1, b'ready')\n"
            "writer.write_lines(source)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, self.root], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        self.assertEqual(process.stdout.read(5), b"ready")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
        self.assertIn(b"KeyboardInterrupt", said)
        self.assertNotEqual(process.returncode, 0)
        self.assert_nothing_committed()


class Processes(StoreCase):
    def test_a_forked_process_uses_the_store_and_not_the_writer(self) -> None:
        writer = self.events.writer()
        writer.append({"n": 1})
        child = os.fork()
        if child == 0:
            try:
                try:
                    writer.append({"n": 2})
                except lode.ForkedError:
                    self.events.stream_write_records([{"n": 3}])
                    os._exit(0)
            finally:
                os._exit(1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        writer.commit()
        found = [numbers(self.events.read(snapshot)) for snapshot in self.events.snapshots()]
        self.assertEqual(found, [[3], [1]])

    def test_a_program_that_ends_with_open_handles_ends_well(self) -> None:
        program = (
            "import lode, sys\n"
            "from tests.common import DictStore\n"
            "for store in (lode.Store(sys.argv[1]), lode.Store.custom(DictStore())):\n"
            "    events = store.dataset('events')\n"
            "    writer = events.writer(); writer.append({'n': 1})\n"
            "    events.stream_write_records([{'n': 1}]); reader = events.read(); next(reader)\n"
            "    keep = globals().setdefault('keep', []); keep.append((store, events, writer, reader))\n"
        )
        ended = subprocess.run([sys.executable, "-c", program, self.root], capture_output=True, text=True)
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, "", ""))

    def test_a_store_of_ones_own_is_released_with_its_last_handle(self) -> None:
        from lode import custom_store

        before = len(custom_store._alive)
        events = lode.Store.custom(DictStore()).dataset("events")
        events.stream_write_records([{"n": 1}])
        reader = events.read()
        del events
        self.assertEqual(len(custom_store._alive), before + 1)
        self.assertEqual(numbers(reader), [1])
        del reader
        self.assertEqual(len(custom_store._alive), before)
