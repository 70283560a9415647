# SPDX-License-Identifier: Apache-2.0
# libstek's OpenSSL part, on a real libssl.
set(world ${CMAKE_SOURCE_DIR}/tests/support/key_world.c ${CMAKE_SOURCE_DIR}/tests/support/tls_pair.c)
foreach(file version sid)
    stek_unit_test(client/openssl_${file} ROOM stek_client)
endforeach()
foreach(file attach name session ticket traps fork)
    stek_unit_test(client/openssl_${file} ROOM stek_client SOURCES ${world})
endforeach()
stek_unit_test(client/openssl_hostile ROOM stek_client
    SOURCES ${world} ${CMAKE_SOURCE_DIR}/tests/support/mutate.c)
stek_unit_test(client/openssl_select ROOM stek_client
    SOURCES ${world} ${CMAKE_SOURCE_DIR}/tests/support/certs.c)
stek_unit_test(client/openssl_threads ROOM stek_client SOURCES ${world} LABELS tsan)

# Calls that the tests make fail: the linker gives them to tests/support/openssl_faults.c.
set(faults ${CMAKE_SOURCE_DIR}/tests/support/openssl_faults.c)
set(wrapped RAND_bytes EVP_CipherInit_ex HMAC_Init_ex SSL_SESSION_set1_ticket_appdata
    EVP_CIPHER_fetch EVP_MD_fetch EVP_DigestInit_ex EVP_Digest SSL_CTX_set_ex_data secret_alloc)
list(TRANSFORM wrapped PREPEND "LINKER:--wrap=")
stek_unit_test(client/openssl_iv ROOM stek_client SOURCES ${faults})
stek_unit_test(client/openssl_faults ROOM stek_client SOURCES ${world} ${faults})
foreach(file iv faults)
    target_link_options(test_client_openssl_${file} PRIVATE ${wrapped})
endforeach()
