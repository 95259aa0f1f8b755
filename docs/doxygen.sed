# Makes the first comment of lode.h, of conventions and statuses, one that Doxygen sets as it stands.
0,/^\/\*$/s//\/** @file\n@verbatim/
0,/^ \*\/$/s// @endverbatim *\//
