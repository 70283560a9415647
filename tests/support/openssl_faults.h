/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes calls of OpenSSL (and of secret_alloc) fail, as libstek sees them. The linker puts these in
 * the place of the real ones (see the list in tests/unit/client/openssl.cmake); libssl's
 * own calls are not touched.
 */
#ifndef STEK_TESTS_SUPPORT_OPENSSL_FAULTS_H
#define STEK_TESTS_SUPPORT_OPENSSL_FAULTS_H

enum openssl_fault {
    OPENSSL_FAULT_NONE,
    OPENSSL_FAULT_RAND,         /* RAND_bytes */
    OPENSSL_FAULT_CIPHER,       /* EVP_CipherInit_ex */
    OPENSSL_FAULT_MAC,          /* HMAC_Init_ex */
    OPENSSL_FAULT_APPDATA,      /* SSL_SESSION_set1_ticket_appdata, unless it only clears */
    OPENSSL_FAULT_FETCH_CIPHER, /* EVP_CIPHER_fetch */
    OPENSSL_FAULT_FETCH_DIGEST, /* EVP_MD_fetch */
    OPENSSL_FAULT_DIGEST,       /* EVP_DigestInit_ex */
    OPENSSL_FAULT_HASH,         /* EVP_Digest */
    OPENSSL_FAULT_EX_DATA,      /* SSL_CTX_set_ex_data */
    OPENSSL_FAULT_SECRET,       /* secret_alloc */
};

/* For the calling thread, until set again. A failing call leaves an entry in the error queue and
 * rubbish in its outputs, as the real ones may. */
void openssl_faults_set(enum openssl_fault fault);

#endif
