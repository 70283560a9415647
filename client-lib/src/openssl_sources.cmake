# SPDX-License-Identifier: Apache-2.0
# libstek's OpenSSL part; ../CMakeLists.txt includes this.
set(STEK_OPENSSL_SOURCES
    src/openssl_attach.c
    src/openssl_iv.c
    src/openssl_name.c
    src/openssl_once.c
    src/openssl_select.c
    src/openssl_session.c
    src/openssl_sid.c
    src/openssl_ticket.c
    src/openssl_version.c)
