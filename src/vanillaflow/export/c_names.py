"""Names of C functions: which ones a program may define, and one made from the name of a file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

# What a function cannot be called: the keywords of C99 with `main`, and the functions of its library, whose
# names are reserved (7.1.3) and which compilers know (a function `exp` of another type is an error).
_KEYWORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
    while asm typeof main
"""
# <math.h> and <complex.h>: each also with the suffixes f and l.
_MATHEMATICS = """
    acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 expm1 frexp ilogb ldexp log
    log10 log1p log2 logb modf scalbn scalbln cbrt fabs hypot pow sqrt erf erfc lgamma tgamma ceil floor
    nearbyint rint lrint llrint round lround llround trunc fmod remainder remquo copysign nan nextafter
    nexttoward fdim fmax fmin fma cabs carg cimag conj cproj creal cacos casin catan ccos csin ctan cacosh
    casinh catanh ccosh csinh ctanh cexp clog cpow csqrt gamma j0 j1 jn y0 y1 yn drem exp10 pow10 scalb
    significand
"""
_LIBRARY = """
    fpclassify isfinite isinf isnan isnormal signbit isgreater isless islessgreater isunordered finite
    isalnum isalpha isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit tolower
    toupper isascii toascii setjmp longjmp signal raise remove rename tmpfile tmpnam fclose fflush fopen
    freopen setbuf setvbuf fprintf fscanf printf scanf snprintf sprintf sscanf vfprintf vfscanf vprintf
    vscanf vsnprintf vsprintf vsscanf fgetc fgets fputc fputs getc getchar gets putc putchar puts ungetc
    fread fwrite fgetpos fseek fsetpos ftell rewind clearerr feof ferror perror stdin stdout stderr atof
    atoi atol atoll strtod strtof strtold strtol strtoll strtoul strtoull rand srand calloc free malloc
    realloc abort atexit exit getenv system bsearch qsort abs div labs ldiv llabs lldiv mblen mbtowc wctomb
    mbstowcs wcstombs memcpy memmove strcpy strncpy strcat strncat memcmp strcmp strcoll strncmp strxfrm
    memchr strchr strcspn strpbrk strrchr strspn strstr strtok memset strerror strlen clock difftime mktime
    time asctime ctime gmtime localtime strftime alloca bcmp bcopy bzero ffs index rindex strdup strndup
    strcasecmp strncasecmp stpcpy stpncpy mempcpy execl execle execlp execv execve execvp fork read write
    open close link
"""
# The variables beside which the generated program calls the function.
_BESIDE = "x y i given"
_RESERVED = frozenset(
    [
        *_KEYWORDS.split(),
        *_BESIDE.split(),
        *_LIBRARY.split(),
        *(name + suffix for name in _MATHEMATICS.split() for suffix in ("", "f", "l")),
    ]
)


def is_function_name(name: str) -> bool:
    """Whether `name` is an ASCII identifier that C does not reserve, as it does those that begin with _."""
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) is not None and name not in _RESERVED


def function_name_for(path: str | PathLike[str]) -> str:
    """The stem of the file's name where C allows it, else that with every other character as _ after `flow_`.

    `pendulum.c` gives pendulum, `3 body.c` flow_3_body and `exp.c` flow_exp.
    """
    stem = Path(os.fspath(path)).stem
    return stem if is_function_name(stem) else "flow_" + re.sub(r"[^A-Za-z0-9_]", "_", stem)
