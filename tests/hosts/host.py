"""A host in Python. It reaches the library through ctypes: calls and replies are JSON.

ctypes lets other threads run during a call. An application may be used by all of them, a session by one at a time.
Use: host.py SHUNT_YAML, an application as `shunt init` makes it
"""
import contextlib
import ctypes
import json
import sys

lib = ctypes.CDLL("libshunt.so.0")
lib.shunt_status_name.restype = ctypes.c_char_p


class Failure(ctypes.Structure):
    """shunt_error. codes: status, outcome, line, column and the engine's code."""

    _fields_ = [("codes", ctypes.c_int * 5)] + [
        (name, ctypes.c_char * size)
        for name, size in (("sqlstate", 6), ("client", 64), ("file", 256), ("rule", 128), ("message", 1024), ("traceback", 1024))
    ]


class ShuntError(Exception):
    def __init__(self, failure):
        super().__init__(failure.message.decode("utf-8", "replace"))
        self.code = lib.shunt_status_name(failure.codes[0]).decode()
        self.done = failure.codes[1] == 1  # it failed after what it was asked for was committed


def run(function, *arguments):
    failure = Failure()
    if function(*arguments, ctypes.byref(failure)):
        raise ShuntError(failure)


class Session:
    def __init__(self, app, **options):
        self.handle = ctypes.c_void_p()
        run(lib.shunt_call_session, app, json.dumps(options).encode(), ctypes.byref(self.handle))

    def call(self, **call):
        reply = ctypes.c_char_p()
        run(lib.shunt_call, self.handle, json.dumps(call).encode(), ctypes.byref(reply))
        result = json.loads(reply.value)
        lib.shunt_free(reply)
        return result

    @contextlib.contextmanager
    def transaction(self, **options):
        self.call(begin=True, **options)
        try:
            yield
        except BaseException:
            self.call(rollback=True)
            raise
        self.call(commit=True)

    def close(self):
        lib.shunt_session_close(self.handle)


def main(path):
    app = ctypes.c_void_p()
    run(lib.shunt_open, path.encode(), None, ctypes.byref(app))
    session = Session(app, instance="acme", attrs={"role": "clerk"})
    with contextlib.closing(session):
        row = {"name": "Grace", "orders": [{"item": "Compass", "price": 12.5}, {"item": "Map", "price": 3}]}
        with session.transaction(client="acme"):
            grace = session.call(insert="user", row=row, include="orders")
        for user in session.call(select="user", where={"id": grace["id"]}, include={"orders": {"order": "-price"}}):
            print(user["name"], [order["item"] for order in user["orders"]])
        try:
            with session.transaction(client="acme"):
                session.call(delete="order", where={"user_id": grace["id"]})
                session.call(delete="ordr", all=True)
        except ShuntError as error:
            print(error.code, error)
        print(session.call(count="order", where={"user_id": grace["id"]}), "orders are left")
        print("orders of acme go to", session.call(resolve="order", op="write")["client"])
    lib.shunt_close(app)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except ShuntError as error:
        sys.exit(f"{error.code}: {error}")
