# SPDX-License-Identifier: Apache-2.0
"""Python's grpcio and protobuf against a stekd of which they know nothing but the socket: they read
the descriptors by reflection, make the messages of them, and call with these.

  reflection_test.py BUILD PROTO_FOLDER
"""

import os
import subprocess
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import Bench, require, run_main, wait_until  # noqa: E402

LIST_SERVICES = b"\x3a\x01*"
SERVER = "grpc.reflection.{}.ServerReflection"


def as_it_is(message):
    return message


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def fields(data, number):
    """The values of a message's fields of this number. Knows numbers and bytes: all that is needed
    before there are descriptors."""
    at, found = 0, []
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        if key >> 3 == number:
            found.append(value)
    return found


def text_field(number, text):
    data = text.encode()
    return bytes([number << 3 | 2, len(data)]) + data


class Reflection:
    """One stream, and the pool that grows from its answers."""

    def __init__(self, channel, version):
        self.channel, self.version = channel, version
        self.pool = descriptor_pool.DescriptorPool()
        self.files = {}
        self.asked = 0

    def ask(self, *requests):
        call = self.channel.stream_stream(f"/{SERVER.format(self.version)}/ServerReflectionInfo",
                                          request_serializer=as_it_is, response_deserializer=as_it_is)
        replies = list(call(iter(requests), timeout=10))
        require(len(replies) == len(requests), f"{len(requests)} requests, {len(replies)} answers")
        for request, reply in zip(requests, replies, strict=True):
            require(fields(reply, 2) == [request], f"the request comes back as {fields(reply, 2)}")
        self.asked += len(requests)
        return replies

    def services(self):
        answer, = fields(self.ask(LIST_SERVICES)[0], 6)
        return sorted(fields(service, 1)[0].decode() for service in fields(answer, 1))

    def learn(self, symbol):
        reply, = self.ask(text_field(4, symbol))
        answer, = fields(reply, 4)
        files = [descriptor_pb2.FileDescriptorProto.FromString(f) for f in fields(answer, 1)]
        for file in reversed(files):  # what is imported comes later, and must be known first
            if file.name not in self.files:
                self.pool.Add(file)
                self.files[file.name] = file
        return self.pool.FindServiceByName(symbol)

    def message(self, descriptor):
        return message_factory.MessageFactory(self.pool).GetPrototype(descriptor)

    def call(self, service, method, **request):
        method = self.learn(service).methods_by_name[method]
        ask = self.channel.unary_unary(
            f"/{service}/{method.name}", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=self.message(method.output_type).FromString)
        return ask(self.message(method.input_type)(**request), timeout=10)

    def error(self, request):
        answer, = fields(self.ask(request)[0], 7)
        return fields(answer, 1)[0], fields(answer, 2)[0].decode()


def one_version(channel, version):
    reflection = Reflection(channel, version)
    names = reflection.services()
    require(names == ["grpc.health.v1.Health", SERVER.format("v1"), SERVER.format("v1alpha"),
                      "stek.v1.AdminService", "stek.v1.KeyService"], f"services: {names}")
    for name in names:
        require(reflection.learn(name).full_name == name, f"{name} is not in its file")
    require(len(reflection.files) == 5, f"files: {sorted(reflection.files)}")

    status = reflection.call("stek.v1.AdminService", "GetStatus")
    require(status.deployment == "test" and status.realms[0].realm == "web", f"status: {status}")
    keys = reflection.call("stek.v1.AdminService", "ListKeys", realm="web").keys
    require(len(keys) >= 1 and all(len(key.name) == 16 for key in keys), f"keys: {keys}")
    ring = reflection.call("stek.v1.KeyService", "GetKeyring", realm="web").snapshot.keyring
    require(sorted(k.name for k in ring.keys) == sorted(k.name for k in keys), "other keys")

    # Its own messages, by its own descriptors.
    reply = reflection.message(reflection.pool.FindMessageTypeByName(
        f"grpc.reflection.{version}.ServerReflectionResponse"))
    told = reply.FromString(reflection.ask(LIST_SERVICES)[0])
    require([s.name for s in told.list_services_response.service] and
            told.original_request.list_services == "*", f"it does not describe itself: {told}")

    for request, code in ((text_field(3, "stek/v1/record.proto"), 5), (text_field(4, "stek.v1"), 5),
                          (text_field(6, "stek.v1.Key"), 5), (b"", 3)):
        require(reflection.error(request)[0] == code, f"{request}: {reflection.error(request)}")
    return reflection


def as_the_compiler_says(reflection, protos, bench):
    """What is served is what protoc makes of the files, to the byte."""
    out = bench.path("set.bin")
    subprocess.run(["protoc", f"-I{protos}", f"--descriptor_set_out={out}",
                    *sorted(reflection.files)], check=True, timeout=60, stdin=subprocess.DEVNULL)
    with open(out, "rb") as file:
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read()).file
    require(len(files) == len(reflection.files), f"{len(files)} files from protoc")
    for file in files:
        require(file == reflection.files[file.name], f"{file.name} differs from what protoc says")


def test(build, arguments):
    asked = 0
    with Bench(build) as bench:
        daemon = bench.daemon(rotate_every="10m", ticket_lifetime="10m").start()
        daemon.wait_for_active()
        wait_until("the next key is published",
                   lambda: len(daemon.ctl("keys", "web")["keys"]) >= 2)
        with grpc.insecure_channel(daemon.endpoint) as channel:
            for version in ("v1", "v1alpha"):
                reflection = one_version(channel, version)
                asked += reflection.asked
            as_the_compiler_says(reflection, arguments[0], bench)
    print(f"reflection: {asked} questions, {len(reflection.files)} files")


run_main(test)
