/* SPDX-License-Identifier: Apache-2.0 */
/* Written by vectors.py, and compared with its output by a test. Do not edit. */
#ifndef STEK_TESTS_UNIT_KEYRING_DERIVE_VECTORS_H
#define STEK_TESTS_UNIT_KEYRING_DERIVE_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
static const struct derive_vector {
    const char *bytes;
    const char *realm;
    const char *context;
    const char *name;
    const char *aes;
    const char *hmac;
    const char *profile48;
} derive_vectors[] = {
    {
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "web",
        "",
        "e36f6bf5844061529e2da3b1e64263e9",
        "907a12a70c4b7a1b74c084ab5570af22faeb111250e332d0744c38037f2eb050",
        "34def01c3daba3a135922ad9f1f356db3a878f0021713727d9ac1f145842b84a",
        "154301ba4be3331af7caf0282fcf52ce3f51cca1b8bc541af376c71300baea0c",
    },
    {
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "web",
        "api.example.org",
        "e36f6bf5844061529e2da3b1e64263e9",
        "3bd049b3c6a3d470a14f026c6cb348fcd5cffb5d7df3130482eed14a9e3051fc",
        "2e8dd1038e8bcc1411036fc383d655d231fe36666adeedc7a94e7aabb8063920",
        "f3ff4477a0f14aad6148a21fe9fcfdb7e25c3755a8096e4e7c79f7c31c30000c",
    },
    {
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "mail",
        "",
        "c7d6ca5ea15ff11d13aec18dbd280941",
        "aa18126d46c3b9973cd0905e87b66f80453a2eabd9bb63ba814785f49571264e",
        "c6b5d26dd4d3108fe071c704eb0a72ee7a68cbdf012690b69cdfc12becb1cd61",
        "663e590f746c0da7ea1aadfdd8331d6545955a153818cd9fcf93533adad5f2ea",
    },
    {
        "6998139989d837732c2a665bfcc89a56d5161d0360bc545d7d421c33dff3f019",
        "web",
        "",
        "b53aa44d0a46c6978bda3e6515b065c2",
        "d723236af775b5bb2b08f7c45ec79030940c35d41859d24928b585def3d0eef6",
        "e46648fc5208f90882e02e6826a27b58dbdc857ebc25d672dca10af8da242221",
        "8d31e7375ff4412b1faaa19aca6dd947056834524c2d1d76d3a734dbc5c317fb",
    },
    {
        "6998139989d837732c2a665bfcc89a56d5161d0360bc545d7d421c33dff3f019",
        "a",
        "b",
        "600d6ab0ca7e48eb154c027b17a1c714",
        "9c182ffc0f5d6d8f1812bc4d4109f3308b7e6277fe027b34f23f9224392c34f8",
        "3a34176b501b9ba746f84576b85b74180fbf572942274d714226f71fef3ca275",
        "54383d84a9658699e432bf6bba7600712ebbf51054a87d2250c893374b9ad39c",
    },
    {
        "6998139989d837732c2a665bfcc89a56d5161d0360bc545d7d421c33dff3f019",
        "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr",
        "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
        "e532eba1517e5808a193911a0f137e77",
        "a0ed7bd31b4228bddc91a329a5d3d5412f7aa6db5a51630cf57267a8185e0585",
        "4bb1d1e4d6a2a56dd4395630267d11899a34963bbd54e4e7fc9792423accdbfd",
        "dc625ec10ac3d9cffdc9ddd43e63d37ca1361cda5a871af2b33c075bbbdbbb4a",
    },
};

struct digest_vector_key {
    const char *name;
    int64_t dates[5];
    bool revoked;
};

static const struct digest_vector {
    const char *realm;
    struct digest_vector_key keys[2];
    size_t count;
    const char *digest;
} digest_vectors[] = {
    {
        "web",
        {
            {0},
        },
        0,
        "41e800df9099a5c496c1067d999b25ead1f9e5ca4c58ccca448a24c4cc30ca0a",
    },
    {
        "web",
        {
            {"20202020202020202020202020202001", {INT64_C(1), INT64_C(2), INT64_C(3), INT64_C(4), INT64_C(5)}, false},
        },
        1,
        "b3c502dd8cb1fac32bf23d62945312c44da133a6165e609dc65786c43d20d6b3",
    },
    {
        "web",
        {
            {"20202020202020202020202020202001", {INT64_C(1), INT64_C(2), INT64_C(3), INT64_C(4), INT64_C(5)}, true},
        },
        1,
        "d8ea481f2993db710d2ac9f7ebc2f694fb73b07f8306081966de4b9bf601cdfb",
    },
    {
        "mail",
        {
            {"f0f0f0f0f0f0f0f0f0f0f0f0f0f0f002", {INT64_C(1700000000000), INT64_C(1700000030000), INT64_C(1700043230000), INT64_C(1700086460000), INT64_C(1700086460000)}, false},
            {"01010101010101010101010101010103", {INT64_C(-5), INT64_C(-4), INT64_C(-3), INT64_C(-2), INT64_C(-1)}, true},
        },
        2,
        "2ed64a19755194b45f76c484f63da5369ad3b94ab8f77d007a53376bee0731ce",
    },
};
/* clang-format on */

#endif
