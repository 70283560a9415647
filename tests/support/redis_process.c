/* SPDX-License-Identifier: Apache-2.0 */
#include "support/redis_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "support/certs.h"

#define ARGUMENTS_MAX 48
#define START_MS      10000
#define PATH_LEN      96
#define PORT_TRIES    8

static const char *const files[] = {"redis.sock", "log",        "ca.pem",
                                    "server.pem", "server.key", "redis.conf"};

/* Built in the parent: the child only runs it. */
struct command {
    const char *argv[ARGUMENTS_MAX];
    size_t count;
    char port[8];
};

static void add(struct command *command, const char *const *words)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        if (command->count + 1 == ARGUMENTS_MAX) {
            abort();
        }
        command->argv[command->count++] = words[i];
    }
}

static void path_of(const struct redis_process *process, const char *name, char path[PATH_LEN])
{
    (void)snprintf(path, PATH_LEN, "%s/%s", process->folder, name);
}

static void write_file(const struct redis_process *process, const char *name, const char *text)
{
    char path[PATH_LEN];

    path_of(process, name, path);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        abort();
    }
}

/* One that the kernel has just given: somebody may still take it first, and then we try again. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        abort();
    }
    (void)close(fd);
    return ntohs(address.sin_port);
}

static void make_folder(struct redis_process *process, const struct redis_process_tls *tls)
{
    *process = (struct redis_process){.folder = "/tmp/stek-redis-XXXXXX"};
    if (mkdtemp(process->folder) == NULL) {
        abort();
    }
    path_of(process, "redis.sock", process->socket);
    if (tls != NULL) {
        write_file(process, "ca.pem", tls->ca->pem);
        write_file(process, "server.pem", tls->server->pem);
        write_file(process, "server.key", tls->server->key_pem);
    }
}

static void run(const struct redis_process *process, struct command *command)
{
    union {
        const char *const *in;
        char *const *out; /* execvp() takes them so and changes nothing */
    } cast = {command->argv};

    /* Should the test die, so does it. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR);
    (void)dup2(null, 1);
    if (chdir(process->folder) == 0) {
        (void)execvp(command->argv[0], cast.out);
    }
    _exit(127);
}

struct redisContext *redis_process_connect(const struct redis_process *process)
{
    return redisConnectUnix(process->socket);
}

/* Whether it answers in time. False: it has ended, most likely because the port was taken. */
static bool wait_for(struct redis_process *process)
{
    for (int waited = 0; process->pid > 0 && waited < START_MS; waited += 10) {
        redisContext *redis = redis_process_connect(process);
        int error = redis == NULL ? 1 : redis->err;
        if (redis != NULL) {
            redisFree(redis);
        }
        if (error == 0) {
            return true;
        }
        if (waitpid(process->pid, NULL, WNOHANG) == process->pid) {
            return false;
        }
        const struct timespec pause = {.tv_nsec = 10000000};
        (void)nanosleep(&pause, NULL);
    }
    (void)fputs("redis-server does not start\n", stderr);
    abort();
}

static void start(struct redis_process *process, bool has_tls, const char *const *arguments)
{
    static const char *const tls[] = {"--tls-cert-file",
                                      "server.pem",
                                      "--tls-key-file",
                                      "server.key",
                                      "--tls-ca-cert-file",
                                      "ca.pem",
                                      "--tls-auth-clients",
                                      "yes",
                                      "--tls-replication",
                                      "yes",
                                      NULL};
    for (int i = 0; i < PORT_TRIES; i++) {
        struct command command = {.count = 0};
        const char *const first[] = {"redis-server", "redis.conf", NULL};
        const char *const usual[] = {"--port",        "0",     "--unixsocket",
                                     process->socket, "--dir", process->folder,
                                     "--logfile",     "log",   NULL};
        const char *const port[] = {"--tls-port", command.port, NULL};

        process->tls_port = has_tls ? free_port() : 0;
        (void)snprintf(command.port, sizeof(command.port), "%u", (unsigned)process->tls_port);
        add(&command, first);
        add(&command, arguments);
        add(&command, usual);
        add(&command, has_tls ? port : NULL);
        add(&command, has_tls ? tls : NULL);
        process->pid = fork();
        if (process->pid == 0) {
            run(process, &command);
        }
        if (wait_for(process)) {
            return;
        }
    }
    (void)fputs("redis-server ends at its start\n", stderr);
    abort();
}

void redis_process_start(struct redis_process *process, const struct redis_process_tls *tls,
                         const char *const *arguments)
{
    make_folder(process, tls);
    write_file(process, "redis.conf", "save \"\"\n");
    start(process, tls != NULL, arguments);
}

void redis_process_start_sentinel(struct redis_process *process,
                                  const struct redis_process_tls *tls,
                                  const struct redis_process *master)
{
    static const char *const arguments[] = {"--sentinel", NULL};
    char text[96];

    make_folder(process, tls);
    (void)snprintf(text, sizeof(text), "sentinel monitor stek 127.0.0.1 %u 1\n",
                   (unsigned)master->tls_port);
    write_file(process, "redis.conf", text);
    start(process, true, arguments);
}

void redis_process_stop(struct redis_process *process)
{
    char path[PATH_LEN];

    (void)kill(process->pid, SIGKILL);
    (void)waitpid(process->pid, NULL, 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        path_of(process, files[i], path);
        (void)unlink(path);
    }
    (void)rmdir(process->folder);
}
