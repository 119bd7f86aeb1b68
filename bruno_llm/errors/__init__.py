"""From whatever went wrong below to one error of ours."""
