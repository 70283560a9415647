/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC paths (HTTP/2 :path) of every method this version serves. */
#ifndef STEK_WIRE_METHODS_H
#define STEK_WIRE_METHODS_H

#define METHOD_GET_KEYRING        "/stek.v1.KeyService/GetKeyring"
#define METHOD_WATCH_KEYRING      "/stek.v1.KeyService/WatchKeyring"
#define METHOD_GET_STATUS         "/stek.v1.AdminService/GetStatus"
#define METHOD_LIST_REALMS        "/stek.v1.AdminService/ListRealms"
#define METHOD_LIST_KEYS          "/stek.v1.AdminService/ListKeys"
#define METHOD_ROTATE             "/stek.v1.AdminService/Rotate"
#define METHOD_REVOKE             "/stek.v1.AdminService/Revoke"
#define METHOD_LIST_FRONTENDS     "/stek.v1.AdminService/ListFrontends"
#define METHOD_REKEY              "/stek.v1.AdminService/Rekey"
#define METHOD_HEALTH_CHECK       "/grpc.health.v1.Health/Check"
#define METHOD_HEALTH_WATCH       "/grpc.health.v1.Health/Watch"
#define METHOD_REFLECTION_V1      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define METHOD_REFLECTION_V1ALPHA "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

#endif
