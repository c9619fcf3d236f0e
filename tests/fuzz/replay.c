/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c: run a fuzz target over the files of its corpus, in any build and with any compiler. */
#include "fuzz.h"
#include <dirent.h>

/* An exact copy on the heap, so that a sanitizer sees a read behind it. Returns 0 when it could not
 * be read. */
static int replay_file(const char *path)
{
        FILE *file = fopen(path, "rb");
        uint8_t *data;
        long size;

        if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 ||
                fseek(file, 0, SEEK_SET) != 0)
                return 0;
        data = malloc(size ? (size_t)size : 1);
        if (!data || fread(data, 1, (size_t)size, file) != (size_t)size)
                return 0;
        fclose(file);
        LLVMFuzzerTestOneInput(data, (size_t)size);
        free(data);
        return 1;
}

static int replay_folder(const char *folder)
{
        DIR *dir = opendir(folder);
        struct dirent *entry;
        int n = 0;

        while (dir && (entry = readdir(dir))) {
                char path[4096];

                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
                if (!replay_file(path)) {
                        fprintf(stderr, "%s: cannot be read\n", path);
                        exit(1);
                }
                n++;
        }
        if (dir)
                closedir(dir);
        return n;
}

int main(int argc, char **argv)
{
        int n = 0;

        for (int i = 1; i < argc; i++)
                n += replay_folder(argv[i]);
        printf("%d inputs\n", n);
        return n == 0; /* an empty corpus is a mistake, too */
}
