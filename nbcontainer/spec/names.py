"""Names for containers that were given none: an adjective and a person of science or computing."""

from __future__ import annotations

from collections.abc import Callable

ADJECTIVES = (
    "agile amber ample ardent balanced blithe bold brave breezy bright brisk calm candid careful "
    "cheerful clear clever cosmic cozy crisp curious daring dazzling deft earnest easy eager fair "
    "fearless fluent frank gentle gifted glad golden graceful grand happy hardy helpful honest "
    "humble jolly jovial keen kind lively logical loyal lucid merry mindful modest nimble noble "
    "patient playful polite proud quick quiet radiant ready serene sharp silent sincere sleek "
    "smooth snappy solid spirited stellar steady sunny swift tidy tranquil upbeat valiant vivid "
    "warm wise witty zesty"
).split()

SURNAMES = (
    "abel agnesi aiken albring allen ampere anning apgar archimedes aryabhata atanasoff avicenna "
    "avogadro babbage banach banting barton bassi becquerel bell bernoulli bessel bhabha blackwell "
    "bohr boltzmann boole born bose boyle brahe brahmagupta brown bunsen cannon cantor carnot "
    "carson cauchy cavendish celsius cerf chandra chatelet church codd copernicus cori coulomb "
    "cray crick curie dalton darwin davy dedekind descartes diffie dijkstra dirac doppler easley "
    "eccles edison ehrlich einstein elion engelbart erdos euclid euler faraday fermat fermi "
    "feynman fibonacci fischer fleming forsythe fourier franklin fraunhofer fresnel galileo galois "
    "gauss germain gibbs goedel goeppert goldberg goodall hamilton hamming harvey hawking "
    "heaviside heisenberg hellman helmholtz herschel hertz hilbert hoare hodgkin hooke hopper "
    "hubble humboldt huygens hypatia jackson jacobi jemison johnson joliot joule kalman kare kay "
    "keldysh kelvin kepler khayyam kilby klein knuth koch kolmogorov kovalevskaya lagrange lamarr "
    "laplace lavoisier leavitt legendre leibniz leeuwenhoek liskov lorentz lovelace lumiere "
    "maxwell mayer mccarthy mcclintock meitner mendel mendeleev minsky mirzakhani moore morse "
    "napier nash neumann newton nightingale nobel noether noyce ohm oppenheimer pascal pasteur "
    "pauli payne perlman planck poincare poisson ptolemy pythagoras ramanujan ride riemann ritchie "
    "roentgen rubin rutherford sagan salk sammet sanger schroedinger shannon shaw shockley "
    "somerville stokes swartz tesla thales thompson torvalds turing volta wallace watt weber wegener "
    "weierstrass wilkes wirth wright wu yalow young yukawa zuse"
).split()


def random_name(below: Callable[[int], int], taken: Callable[[str], bool]) -> str:
    """Return a name that is not taken; a digit is added once ten tries have failed.

    `below(n)` returns a number of 0…n-1: random, or of a seed where the same name is wanted on
    every machine.
    """
    tries = 0
    while True:
        adjective = ADJECTIVES[below(len(ADJECTIVES))]
        name = f"{adjective}_{SURNAMES[below(len(SURNAMES))]}"
        if tries >= 10:
            name += str(below(10 ** (tries // 10)))
        if not taken(name):
            return name
        tries += 1
