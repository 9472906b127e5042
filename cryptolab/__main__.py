"""`python -m cryptolab` is `cryptolab`."""

from cryptolab.cli import main

if __name__ == "__main__":
    main()
