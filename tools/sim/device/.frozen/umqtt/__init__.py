# The package of the sim's umqtt.simple. MIT licence.
