// The tests of lode.hpp, one program: its headers are compiled once.
#include "backend.cpp"
#include "misuse.cpp"
#include "reading.cpp"
#include "volumes.cpp"
#include "writing.cpp"

int main()
{
    writing();
    reading();
    backends();
    volumes();
    misuse();
    std::printf("lode.hpp: %d checks, %d failed\n", checks_made, checks_failed);
    return checks_failed == 0 ? 0 : 1;
}
