// An ONNX Runtime that misbehaves at will: the real one (REAL), whose sessions of models with the word KABOOM in them end
// the process when they run and the file MARKER is there, which goes with it; those with KABOOM_AT_ONCE whenever they run.
// While the file is there, it makes no session of a model with the word HOLD in it.
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { ENTRIES = 300, CREATE_SESSION_FROM_ARRAY = 8, RUN = 9, SESSIONS = 64 };
typedef void *(*Create)(void *, const void *, size_t, void *, void **);
typedef void *(*Run)(void *, void *, void *, void *, size_t, void *, size_t, void *);
typedef struct {
    const void *(*get_api)(unsigned);
    const char *(*version)(void);
} Base;

static void *table[ENTRIES];
static void *armed[SESSIONS], *at_once[SESSIONS];
static unsigned armed_count, at_once_count;
static Create real_create;
static Run real_run;
static const Base *real;

static int holds(const char *data, size_t length, const char *word) {
    return memmem(data, length, word, strlen(word)) != NULL;
}

static void *create(void *env, const void *data, size_t length, void *options, void **out) {
    while (holds(data, length, "HOLD") && access(MARKER, F_OK) == 0) usleep(1000);
    void *status = real_create(env, data, length, options, out);
    if (status == NULL && holds(data, length, "KABOOM_AT_ONCE")) at_once[at_once_count++ % SESSIONS] = *out;
    else if (status == NULL && holds(data, length, "KABOOM")) armed[armed_count++ % SESSIONS] = *out;
    return status;
}

static void *run(void *session, void *o, void *in, void *iv, size_t n, void *on, size_t m, void *ov) {
    for (unsigned i = 0; i < SESSIONS; i++) {
        int crashes = at_once[i] == session || (armed[i] == session && unlink(MARKER) == 0);
        if (session != NULL && crashes) *(volatile int *)8 = 1;
    }
    return real_run(session, o, in, iv, n, on, m, ov);
}

static const void *get_api(unsigned version) {
    const void *api = real->get_api(version);
    if (api == NULL) return NULL;
    memcpy(table, api, sizeof table);
    real_create = (Create)table[CREATE_SESSION_FROM_ARRAY];
    real_run = (Run)table[RUN];
    table[CREATE_SESSION_FROM_ARRAY] = (void *)create;
    table[RUN] = (void *)run;
    return table;
}

static const char *version(void) { return real->version(); }

const Base *OrtGetApiBase(void) {
    static const Base ours = {get_api, version};
    void *library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
    real = library ? ((const Base *(*)(void))dlsym(library, "OrtGetApiBase"))() : NULL;
    return real ? &ours : NULL;
}
