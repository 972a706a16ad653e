/* Code at a fixed address takes variables of a shared library for its own. libc's `environ` has four
 * names, which zig's stand-in for libc.so does not say: a copy made for one of them is never set. So
 * the program has the variable itself, under all its names; libc finds them here when it starts. */

char **__environ;
extern char **environ __attribute__((alias("__environ")));
extern char **_environ __attribute__((alias("__environ")));
extern char **___environ __attribute__((alias("__environ")));
