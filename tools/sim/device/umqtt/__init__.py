# Package of the sim's umqtt.simple; a real one earlier on the path wins. MIT licence.
